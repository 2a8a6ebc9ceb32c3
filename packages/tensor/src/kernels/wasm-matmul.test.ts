// The shortcuts of matrix products on WebAssembly, with whole numbers: every sum is exact in any order.
import { beforeAll, expect, it } from 'vitest'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { tensorData, useBackend } from '../backend/index.ts'
import { dispose, matMul, tensor } from '../tf.ts'

beforeAll(() => useBackend('wasm'))

it.each([
  [1, 60, 550],
  [2, 60, 550],
])('%i row(s) times a transposed matrix', async (rows, depth, columns) => {
  const a = Float32Array.from({ length: rows * depth }, (_, i) => (i % 7) - 3)
  const b = Float32Array.from({ length: columns * depth }, (_, i) => (i % 11) - 5)
  const expected = Float32Array.from({ length: rows * columns }, (_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns]
    let sum = 0
    for (let d = 0; d < depth; d++) sum += a[row * depth + d]! * b[column * depth + d]!
    return sum
  })
  await expectNoLeak(async () => {
    const inputs = [tensor(a, [rows, depth]), tensor(b, [columns, depth])]
    const product = matMul(inputs[0]!, inputs[1]!, false, true)
    expect(product.shape).toEqual([rows, columns])
    expect(await tensorData(product)).toEqual(expected)
    dispose([...inputs, product])
  })
})
