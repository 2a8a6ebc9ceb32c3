// The page as one folder that any server can serve: index.html, its scripts, the WebAssembly files.
import { copyFile, mkdir, readdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const wasmFolder = join(
  dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/package.json')),
  'dist',
)

/** Writes the page into `outdir`. `conditions`: how packages are resolved, besides the browser's. */
export async function bundlePage(outdir, conditions = []) {
  await build({
    entryPoints: [here('page.mjs'), here('worker.mjs')],
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
  await copyFile(here('index.html'), join(outdir, 'index.html'))
  await mkdir(join(outdir, 'wasm'), { recursive: true })
  for (const name of await readdir(wasmFolder)) {
    if (name.endsWith('.wasm')) await copyFile(join(wasmFolder, name), join(outdir, 'wasm', name))
  }
}
