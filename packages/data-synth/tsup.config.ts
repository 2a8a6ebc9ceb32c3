import { defineConfig } from 'tsup'
import { preset } from '../../tools/tsup-preset.ts'

// The threads' entry lies beside the others. The build script empties `dist` once for all.
export default defineConfig([
  ...[preset({ browser: true })]
    .flat()
    .filter((options) => typeof options === 'object')
    .map((options) => ({ ...options, clean: false })),
  {
    entry: { worker: 'src/platform/node/worker.ts' },
    tsconfig: '../../tsconfig.base.json',
    target: 'es2022',
    format: 'esm',
    clean: false,
  },
])
