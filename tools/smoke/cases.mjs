// Runs on the Node version under test: the packages as published, imported, required and as a command.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
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

const ps3 = (...args) =>
  execFileSync(process.execPath, [join(root, 'packages/cli/dist/bin.js'), ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
const out = mkdtempSync(join(tmpdir(), 'ps3-smoke-'))
try {
  const picture = join(root, 'packages/ps3-encoder/fixtures/preprocess/in/rgb.jpg')
  const model = join(root, 'packages/cli/fixtures/recorded/siglip-tiny3/model')
  const summary = ps3('encode', picture, '--model', model, '--backend', 'wasm', '--out', out, '--json')
  assert.equal(JSON.parse(summary).pictures.length, 1)
  assert.ok(readdirSync(out).includes('report.html'))
  const interpolate = join(root, 'packages/tensor/fixtures/ops/interpolate')
  const { ok, cases } = JSON.parse(ps3('verify', interpolate, '--backend', 'wasm', '--json'))
  assert.ok(ok && cases.length > 0)
} finally {
  rmSync(out, { recursive: true, force: true })
}
process.stdout.write(`Node ${process.versions.node}: import, require, wasm, encode and verify work\n`)
