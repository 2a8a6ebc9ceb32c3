// Runs a TypeScript entry from the sources in a Node process of its own: for what must be set before Node starts.
import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { build, type Plugin } from 'esbuild'

// As in the published build: packages stay outside, except tfjs's gradients, which Node cannot import.
const packagesOutside: Plugin = {
  name: 'packages-outside',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^[^./#]/ }, async ({ path, kind, resolveDir, pluginData }) => {
      if (
        kind === 'entry-point' ||
        pluginData === 'resolved' ||
        path.startsWith('@tensorflow/tfjs-core/dist/') ||
        path.startsWith('@ps3js/')
      )
        return null
      // Where the importing package finds it: the entry's own package may not depend on it.
      const found = await resolve(path, { kind, resolveDir, pluginData: 'resolved' })
      const isFile = isAbsolute(found.path)
      return { path: isFile ? pathToFileURL(found.path).href : path, external: true }
    })
  },
}

/** Bundles `entry` beside itself, so that Node finds the same packages, and gives back the file; remove it afterwards. */
export async function bundleForNode(entry: URL): Promise<string> {
  const source = fileURLToPath(entry)
  const outfile = join(dirname(source), `.${process.pid}-${Date.now()}.bundle.mjs`)
  await build({
    entryPoints: [source],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['@ps3js/source'],
    plugins: [packagesOutside],
    logLevel: 'error',
  })
  return outfile
}

/** Bundles `entry`, runs it with `env` added, and gives back what it printed on stdout. */
export async function runInNode(
  entry: URL,
  env: Record<string, string> = {},
  timeoutMs = 120_000,
): Promise<string> {
  const outfile = await bundleForNode(entry)
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [outfile], {
      env: { ...process.env, ...env },
      timeout: timeoutMs,
      maxBuffer: 2 ** 26,
    })
    return stdout
  } finally {
    await rm(outfile, { force: true })
  }
}
