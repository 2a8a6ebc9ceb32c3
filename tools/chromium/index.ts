// Tests in a real browser: bundles a page's script from the sources, serves it with tfjs's .wasm files, runs it.
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import {
  CHROMIUM_HINT,
  findChromium,
  type RunOptions,
  runInChromium,
} from '../../packages/cli/src/browser/index.ts'
import { hubForBrowsers } from '../hub-for-browsers.ts'
import { requireOrSkip } from '../test-support.ts'

export { runInChromium } from '../../packages/cli/src/browser/index.ts'

/** `describe` for tests in a browser: see `requireOrSkip`. */
export const describeInChromium = requireOrSkip(
  (await findChromium()) !== undefined,
  `tests in Chromium; ${CHROMIUM_HINT}`,
)

/** The folder with the WebAssembly backend's files. */
export const wasmFolder = join(
  dirname(
    createRequire(fileURLToPath(new URL('../../packages/tensor/package.json', import.meta.url))).resolve(
      '@tensorflow/tfjs-backend-wasm/package.json',
    ),
  ),
  'dist',
)

/** Bundles `entry` as a browser would get it from the sources; chunks stay lazy. */
export async function bundlePage(entry: string, outdir: string): Promise<void> {
  await build({
    entryPoints: { page: entry },
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    conditions: ['@ps3js/source'],
    mainFields: ['browser', 'module', 'main'],
    sourcemap: 'inline',
    plugins: [hubForBrowsers],
    logLevel: 'error',
  })
}

/** Bundles `entry`, runs it in Chromium on the software GPU and gives back what it reported. */
export async function runSourceInChromium<T>(
  entry: string | URL,
  options: Partial<Omit<RunOptions, 'script'>> = {},
): Promise<T> {
  const outdir = await mkdtemp(join(tmpdir(), 'ps3-page-'))
  try {
    await bundlePage(entry instanceof URL ? fileURLToPath(entry) : entry, outdir)
    return await runInChromium<T>({
      softwareGpu: true,
      ...options,
      folders: { ...options.folders, wasm: wasmFolder, page: outdir },
      script: 'page/page.js',
    })
  } finally {
    await rm(outdir, { recursive: true, force: true })
  }
}
