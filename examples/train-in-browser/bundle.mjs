// The page's script as one folder of modules, with the WebAssembly files' place.
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** Bundles `entry` into `outdir` as `page.js`. `conditions`: how packages are resolved, besides the browser's. */
export async function bundlePage(entry, outdir, conditions = []) {
  await build({
    entryPoints: { page: fileURLToPath(entry) },
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    conditions: [...conditions, 'browser'],
    loader: { '.yaml': 'text' },
    // Loaded for models of the hub only; this one is made here.
    external: ['@huggingface/hub'],
    logLevel: 'error',
  })
}

export const wasmFolder = join(
  dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/package.json')),
  'dist',
)
