// The one build recipe of all packages: ESM + CommonJS + types, and an ESM browser build where a package asks for one.
import { defineConfig, type Options } from 'tsup'
import { hubForBrowsers } from './hub-for-browsers.ts'

interface PresetOptions extends Omit<Options, 'entry'> {
  entry?: string[]
  /** Also build `dist/browser`, in which `#platform` resolves to the browser's folder. */
  browser?: boolean
}

/** tsup's options for one package; `overrides` wins where a package differs. */
export function preset({
  browser = false,
  ...overrides
}: PresetOptions = {}): ReturnType<typeof defineConfig> {
  const common: Options = {
    entry: ['src/index.ts'],
    target: 'es2022',
    sourcemap: true,
    tsconfig: '../../tsconfig.base.json',
    ...overrides,
  }
  const node: Options = {
    ...common,
    format: ['esm', 'cjs'],
    // Declarations take most of the time: the command, run from a checkout, does without.
    dts: process.env.PS3_BUILD_TYPES !== 'no' && {
      compilerOptions: { customConditions: [], composite: false, incremental: false },
    },
    clean: overrides.clean ?? true,
    shims: true,
    // tfjs publishes its gradients as bare ES modules that Node cannot import, so they are bundled. A browser's
    // bundler can, and then shares their ops with the rest of tfjs.
    noExternal: [/^@tensorflow\/tfjs-core\/dist\//],
  }
  if (!browser) return defineConfig(node)
  return defineConfig([
    { ...node, clean: ['dist', '!dist/browser'] },
    {
      ...common,
      format: ['esm'],
      platform: 'browser',
      outDir: 'dist/browser',
      clean: true,
      // Ends up in a chunk of its own, fetched when a model is loaded from the hub.
      noExternal: ['@huggingface/hub'],
      esbuildPlugins: [hubForBrowsers],
    },
  ])
}
