// The one build recipe of all packages: ESM + CommonJS + types, with JSON presets inlined.
import { defineConfig, type Options } from 'tsup'

/** Options common to every package; `overrides` wins where a package differs (entries, platforms, bundled modules). */
export function preset(overrides: Options = {}): ReturnType<typeof defineConfig> {
  return defineConfig({
    entry: ['src/index.ts'],
    format: ['esm', 'cjs'],
    target: 'es2022',
    dts: { compilerOptions: { customConditions: [], composite: false, incremental: false } },
    sourcemap: true,
    clean: true,
    treeshake: true,
    shims: true,
    tsconfig: '../../tsconfig.base.json',
    ...overrides,
  })
}
