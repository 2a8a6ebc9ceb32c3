// The built packages on every Node version that they promise to run on; the npm registry carries the binaries.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run, runQuietly } from '../lib/processes.mjs'
import { cacheDir } from '../lib/workspace.mjs'

/** The oldest one exactly; of the others the newest. */
const VERSIONS = ['20.19.0', '22', '24']
const PLATFORM = { win32: 'win', darwin: 'darwin', linux: 'linux' }[process.platform] ?? process.platform
const PACKAGE = `node-${PLATFORM}-${process.arch}`
const cases = fileURLToPath(new URL('./cases.mjs', import.meta.url))

let failed = 0
for (const version of VERSIONS) {
  const node = await fetchNode(version)
  if ((await run(node, [cases])) !== 0) failed++
}
process.exitCode = failed === 0 ? 0 : 1

/** The package `node` only picks one of these by an install script, which npm may refuse to run. */
async function fetchNode(version) {
  const prefix = join(cacheDir, `node-${version}`)
  const name = process.platform === 'win32' ? 'node.exe' : 'node'
  const binary = join(prefix, 'node_modules', PACKAGE, 'bin', name)
  if (!existsSync(binary)) {
    const args = [
      'install',
      '--prefix',
      prefix,
      '--no-save',
      '--no-audit',
      '--ignore-scripts',
      `${PACKAGE}@${version}`,
    ]
    await runQuietly(`Getting Node ${version}`, 'npm', args)
  }
  return binary
}
