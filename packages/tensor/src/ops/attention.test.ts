// What attention costs in memory, and that going in chunks changes nothing.
import { beforeAll, describe, expect, it } from 'vitest'
import { describeNative } from '../../../../tools/backends.ts'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { tensorData, useBackend } from '../backend/index.ts'
import { Random } from '../random.ts'
import {
  add,
  concat,
  dispose,
  grads,
  memory,
  mul,
  profile,
  slice,
  sum,
  type Tensor,
  type TensorContainer,
  tensor,
  tidy,
} from '../tf.ts'
import { ATTENTION_CHUNK_BYTES, attention } from './attention.ts'
import { withPlainOps } from './kernel.ts'

interface Sizes {
  queries: number
  keys: number
  numHeads: number
  headWidth: number
}

function draw({ queries, keys, numHeads, headWidth }: Sizes): [Tensor, Tensor, Tensor] {
  const random = new Random(1)
  const rows = (count: number) => {
    const width = numHeads * headWidth
    return tensor(random.fillNormal(new Float32Array(count * width)), [1, count, width])
  }
  return [rows(queries), rows(keys), rows(keys)]
}

const gradients = (inputs: Tensor[], numHeads: number, weights?: Tensor) =>
  grads((q, k, v) => {
    const out = attention(q!, k!, v!, { numHeads })
    return sum(weights ? mul(out, weights) : out)
  })(inputs)

/** Bytes alive at once beyond those alive before, at the end of every kernel. */
async function peakBytes(run: () => TensorContainer): Promise<number> {
  const before = memory().numBytes
  const { peakBytes: peak, result } = await profile(() => tidy(run))
  dispose(result)
  return peak - before
}

/** With plain ops throughout; the backward pass knows no others. */
function expectBounded(sizes: Sizes): Promise<void> {
  return expectNoLeak(async () => {
    const inputs = draw(sizes)
    const [q, k, v] = inputs
    const inputsAndOutput = 4 * (2 * q.size + k.size + v.size)
    const bound = 4 * ATTENTION_CHUNK_BYTES + 4 * inputsAndOutput
    // Worth a bound only where the whole score matrix would break it.
    expect(4 * sizes.queries * sizes.keys * sizes.numHeads).toBeGreaterThan(ATTENTION_CHUNK_BYTES)
    const forward = await peakBytes(() =>
      withPlainOps(() => attention(q, k, v, { numHeads: sizes.numHeads })),
    )
    const backward = await peakBytes(() => withPlainOps(() => gradients(inputs, sizes.numHeads)))
    dispose(inputs)
    expect(forward).toBeLessThanOrEqual(bound)
    expect(backward).toBeLessThanOrEqual(bound)
  })
}

// A look at 4K: 2,560 queries see 729 + 2,560 keys with 16 heads. Scores alone would be 539 MB.
const look = { queries: 2560, keys: 3289, numHeads: 16, headWidth: 8 }

describeNative('attention of a look at 4K on node', () => {
  beforeAll(() => useBackend('node'))

  it('stays within four chunks, forward and backward, with plain ops', () => expectBounded(look))

  it('needs no chunk at all with the fused kernel', () =>
    expectNoLeak(async () => {
      const inputs = draw(look)
      const [q, k, v] = inputs
      const peak = await peakBytes(() => attention(q, k, v, { numHeads: look.numHeads }))
      dispose(inputs)
      expect(peak).toBeLessThanOrEqual(4 * q.size)
    }))
})

describe('attention in chunks, on wasm', () => {
  beforeAll(() => useBackend('wasm'))
  // Two chunks of 2,560 x 3,289 x 1 head, and a short third one.
  const sizes = { queries: 600, keys: 3289, numHeads: 10, headWidth: 4 }

  it('stays within four chunks, forward and backward', () => expectBounded(sizes))

  it('gives what parts of the queries give on their own, each below a chunk', () =>
    expectNoLeak(async () => {
      const { queries, numHeads } = sizes
      const [whole, parts] = tidy(() => {
        const inputs = draw(sizes)
        const [q, k, v] = inputs
        const weights = tensor(new Random(2).fillUniform(new Float32Array(q.size), -1, 1), q.shape)
        const whole = [attention(q, k, v, { numHeads }), ...gradients(inputs, numHeads, weights)]
        const rows = queries / 4
        const each = Array.from({ length: 4 }, (_, part) => {
          const own = (x: Tensor) => slice(x, [0, part * rows, 0], [1, rows, -1])
          const out = attention(own(q), k, v, { numHeads })
          return [out, ...gradients([own(q), k, v], numHeads, own(weights))] as Tensor[]
        })
        const joined = (i: number) => {
          const pieces = each.map((tensors) => tensors[i]!)
          // Keys and values gather gradients from all queries.
          return i < 2 ? concat(pieces, 1) : pieces.reduce((a, b) => add(a, b) as Tensor)
        }
        return [whole, [0, 1, 2, 3].map(joined)]
      }) as [Tensor[], Tensor[]]
      for (const [i, expected] of parts.entries()) {
        const [a, b] = [await tensorData(whole[i]!), await tensorData(expected)]
        // Sums over up to 600 queries in another order, of size about 0.1.
        const wrong = a.findIndex((value, j) => !(Math.abs(value - b[j]!) <= 1e-6))
        expect(wrong, `tensor ${i}, element ${wrong}: ${a[wrong]}, in parts ${b[wrong]}`).toBe(-1)
      }
      dispose([...whole, ...parts])
    }))
})
