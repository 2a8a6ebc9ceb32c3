import { defineConfig } from 'tsup'
import { hubForBrowsers } from '../../tools/hub-for-browsers.ts'
import { preset } from '../../tools/tsup-preset.ts'

// The executable waits at its top level, which CommonJS cannot. The page of `ps3 verify --browser` holds everything it
// needs, as nothing bundles for a browser at run time. The build script empties `dist` once for all three.
const common = {
  tsconfig: '../../tsconfig.base.json',
  target: 'es2022',
  format: 'esm',
  clean: false,
} as const

export default defineConfig([
  ...[preset({ clean: false })].flat().filter((options) => typeof options === 'object'),
  { ...common, entry: ['src/bin.ts'], sourcemap: true },
  {
    ...common,
    entry: { 'verify-page': 'src/verify/page.ts' },
    outDir: 'dist/page',
    platform: 'browser',
    noExternal: [/./],
    esbuildPlugins: [hubForBrowsers],
    minify: true,
  },
])
