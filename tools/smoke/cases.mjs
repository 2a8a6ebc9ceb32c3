// Runs on the Node version under test: the packages as published, imported, required and as a command.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { PACKAGES, root } from '../lib/workspace.mjs'

// The command depends on all other packages: its folder resolves them as an application's would.
const from = createRequire(join(root, 'packages/cli/package.json'))

for (const name of PACKAGES) {
  const folder = join(root, 'packages', name)
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const esm = await import(pathToFileURL(join(folder, exports['.'].import.default)).href)
  const cjs = name === 'cli' ? from(join(folder, exports['.'].require.default)) : from(`@ps3js/${name}`)
  assert.deepEqual(Object.keys(cjs).sort(), Object.keys(esm).sort(), `${name}: import and require differ`)
  assert.ok(Object.keys(esm).length > 0, `${name} exports nothing`)
}

// In a process each: a program that mixes both would have two TensorFlow.js, with one backend registry each.
for (const way of ['import', 'require']) {
  execFileSync(process.execPath, [fileURLToPath(new URL('./compute.mjs', import.meta.url)), way], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
}

const bin = join(root, 'packages/cli/dist/bin.js')
const help = execFileSync(process.execPath, [bin, '--help'], { encoding: 'utf8' })
assert.match(help, /encode/)
process.stdout.write(`Node ${process.versions.node}: import, require, wasm and the command work\n`)
