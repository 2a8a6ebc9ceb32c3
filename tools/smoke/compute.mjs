// Runs on the Node version under test: loads the tensor package one way and computes with it.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from '../lib/workspace.mjs'

const folder = join(root, 'packages/tensor/dist')
const isImport = process.argv[2] === 'import'
const tensor = isImport
  ? await import(pathToFileURL(join(folder, 'index.js')).href)
  : createRequire(import.meta.url)(join(folder, 'index.cjs'))

const info = await tensor.useBackend('wasm')
assert.equal(info.name, 'wasm')
const product = tensor.matMul(tensor.tensor2d([[1, 2]]), tensor.tensor2d([[3], [4]]))
assert.deepEqual([...(await product.data())], [11])
await tensor.disposeBackend()
