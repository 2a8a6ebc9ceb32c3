// Runs a TypeScript entry from the sources in a Node process of its own: for what must be set before Node starts.
import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build, type Plugin } from 'esbuild'

// As in the published build: packages stay outside, except tfjs's gradients, which Node cannot import.
const packagesOutside: Plugin = {
  name: 'packages-outside',
  setup({ onResolve }) {
    onResolve({ filter: /^[^./#]/ }, ({ path, kind }) => {
      if (
        kind === 'entry-point' ||
        path.startsWith('@tensorflow/tfjs-core/dist/') ||
        path.startsWith('@ps3js/')
      )
        return null
      return { path, external: true }
    })
  },
}

/** Bundles `entry` beside itself, runs it with `env` added, and gives back what it printed on stdout. */
export async function runInNode(
  entry: URL,
  env: Record<string, string> = {},
  timeoutMs = 120_000,
): Promise<string> {
  const source = fileURLToPath(entry)
  // Beside its source, so that Node finds the same packages.
  const outfile = join(dirname(source), `.${process.pid}-${Date.now()}.bundle.mjs`)
  try {
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
