// Gradients of whole batches from micro-batches and workers: proved equal to the batch in one piece.
import {
  add,
  addN,
  dispose,
  div,
  l2Normalize,
  matMul,
  mean,
  memory,
  mul,
  profile,
  Random,
  reshape,
  scalar,
  slice,
  square,
  sum,
  type Tensor,
  TensorScope,
  tanh,
  tensor,
  tensorData,
  tidy,
  useBackend,
  type Variable,
  variable,
  variableGrads,
  zeros,
} from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { BACKENDS } from '../../../../tools/backends.ts'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import {
  type AccumulatedGradients,
  accumulateGradients,
  boxSupervisionLoss,
  type Collective,
  type ContrastiveFeatures,
  clipLoss,
  contrastiveGradients,
  type Recorder,
  runWorkers,
  sigLipLoss,
} from '../index.ts'
import { expectClose } from '../recorded.fixture.ts'

/** The same sums in another order. */
const TOLERANCE = 5e-6

const random = new Random(11)
const normal = (...shape: number[]) =>
  tensor(random.fillNormal(new Float32Array(shape.reduce((a, b) => a * b, 1))), shape)

/** Samples [from, to) of a batch; `local` says which have a box. */
interface Part {
  from: number
  to: number
}

const BATCH = 6
const LOCAL = [true, false, true, true, false, false]

/** A small model of two towers with a map of where to look, and a batch for it. */
class Towers {
  readonly parameters: Record<string, Variable> = {
    image1: variable(normal(5, 8)),
    image2: variable(normal(8, 4)),
    text: variable(normal(3, 4)),
    map: variable(normal(5, 4)),
    unused: variable(normal(2)),
    logitScale: variable(scalar(2)),
    logitBias: variable(scalar(-2)),
  }
  readonly pictures = normal(BATCH, 5)
  readonly captions = normal(BATCH, 3)
  readonly boxes = tidy(() => square(tanh(normal(BATCH, 2, 2))))

  features({ from, to }: Part) {
    const rows = (x: Tensor) => slice(x, from, to - from)
    const { image1, image2, text, map } = this.parameters as Record<string, Variable>
    const probabilities = div(add(tanh(matMul(rows(this.pictures), map!)), 1.5), 3)
    return {
      imageFeatures: l2Normalize(matMul(tanh(matMul(rows(this.pictures), image1!)), image2!)),
      textFeatures: l2Normalize(matMul(rows(this.captions), text!)),
      box: mul(
        boxSupervisionLoss({
          probabilities: reshape(probabilities, [to - from, 2, 2]),
          targets: [rows(this.boxes)],
          isLocal: LOCAL.slice(from, to),
        }),
        0.7,
      ),
    }
  }

  encode = (part: Part, record: Recorder) => {
    const { box, ...features } = record(() => this.features(part))
    const count = LOCAL.slice(part.from, part.to).filter(Boolean).length
    return { ...features, extraLosses: { box: { mean: box, count } } }
  }

  sigLip = (features: ContrastiveFeatures) => {
    const { logitScale, logitBias } = this.parameters
    return sigLipLoss({ ...features, logitScale: logitScale!, logitBias: logitBias! })
  }

  clip = (features: ContrastiveFeatures) =>
    clipLoss({ ...features, logitScale: this.parameters.logitScale!, chunkSize: 2 })

  dispose(): void {
    dispose([Object.values(this.parameters), this.pictures, this.captions, this.boxes] as never)
  }
}

type LossName = 'sigLip' | 'clip'

/** The batch in one piece, by tfjs's own variableGrads. */
function inOnePiece(towers: Towers, loss: LossName) {
  const names = Object.keys(towers.parameters)
  const variables = Object.values(towers.parameters)
  const { value, grads } = variableGrads(() => {
    const { box, ...features } = towers.features({ from: 0, to: BATCH })
    return add(towers[loss](features), box)
  }, variables)
  const gradients = Object.fromEntries(names.map((name, i) => [name, grads[variables[i]!.name]]))
  return { value, gradients }
}

/** Parts of `sizes` from `start` on. */
function partsOf(sizes: number[], start = 0): Part[] {
  return sizes.map((size, i) => {
    const from = start + sizes.slice(0, i).reduce((a, b) => a + b, 0)
    return { from, to: from + size }
  })
}

async function expectWhole(got: AccumulatedGradients, want: ReturnType<typeof inOnePiece>): Promise<void> {
  const total = tidy(() => add(got.contrastiveLoss, got.extraLosses.box!))
  await expectClose(total, await tensorData(want.value), TOLERANCE)
  total.dispose()
  const present = Object.entries(want.gradients).filter(([, gradient]) => gradient)
  expect(Object.keys(got.gradients).sort()).toEqual(present.map(([name]) => name).sort())
  for (const [name, gradient] of present) {
    await expectClose(got.gradients[name]!, await tensorData(gradient!), TOLERANCE, name)
  }
}

for (const [backend, describeHere] of BACKENDS) {
  describeHere(`accumulated gradients on ${backend}`, () => {
    beforeAll(() => useBackend(backend))

    it.each(['sigLip', 'clip'] as const)('of %s are those of the batch in one piece', async (loss) => {
      const towers = new Towers()
      const want = inOnePiece(towers, loss)
      await expectNoLeak(async () => {
        for (const sizes of [[6], [3, 3], [1, 3, 2], [1, 1, 1, 1, 1, 1]]) {
          using scope = new TensorScope()
          const { encode, parameters } = towers
          const microBatches = partsOf(sizes)
          const got = await accumulateGradients({ microBatches, encode, parameters, loss: towers[loss] })
          await expectWhole(scope.track(got), want)
        }
      })
      dispose([want] as never)
      towers.dispose()
    })

    it.each(['sigLip', 'clip'] as const)('of %s are the same on all workers together', async (loss) => {
      const towers = new Towers()
      const want = inOnePiece(towers, loss)
      await expectNoLeak(async () => {
        for (const [size, sizes] of [
          [2, [3]],
          [3, [1, 1]],
          [3, [2]],
          [6, [1]],
        ] as const) {
          const perWorker = BATCH / size
          const results = await runWorkers(size, (collective) =>
            accumulateGradients({
              microBatches: partsOf([...sizes], collective.rank * perWorker),
              encode: towers.encode,
              parameters: towers.parameters,
              loss: towers[loss],
              collective,
            }),
          )
          for (const got of results) await expectWhole(got, want)
          dispose(results as never)
        }
      })
      dispose([want] as never)
      towers.dispose()
    })
  })
}

describe('accumulated gradients', () => {
  beforeAll(() => useBackend('cpu'))
  const batch = { microBatches: partsOf([2, 2, 2]) }

  it('record forward passes that await in between', async () => {
    const towers = new Towers()
    const want = inOnePiece(towers, 'sigLip')
    await expectNoLeak(async () => {
      const got = await accumulateGradients({
        ...batch,
        encode: async (part, record) => {
          const first = record(() => ({ pictures: slice(towers.pictures, part.from, 2) }))
          await tensorData(first.pictures)
          dispose(first)
          return towers.encode(part, record)
        },
        parameters: towers.parameters,
        loss: towers.sigLip,
      })
      await expectWhole(got, want)
      dispose(got as never)
    })
    dispose([want] as never)
    towers.dispose()
  })

  it('encode every part twice but the last, and hold the activations of one', async () => {
    const width = 256
    const weight = variable(normal(4, width))
    const head = variable(normal(width, 4))
    const peak = async (microBatch: number) => {
      let calls = 0
      const parts = partsOf(Array.from({ length: 64 / microBatch }, () => microBatch))
      const before = memory().numBytes
      const { peakBytes } = await profile(async () => {
        const got = await accumulateGradients({
          microBatches: parts,
          encode: ({ from, to }, record) => {
            calls++
            return record(() => {
              const x = tidy(() => tanh(fill(from, to)))
              let wide = matMul(x, weight)
              for (let i = 0; i < 4; i++) wide = tanh(wide)
              const features = l2Normalize(matMul(wide, head))
              return { imageFeatures: features, textFeatures: l2Normalize(x) }
            })
          },
          parameters: { weight, head },
          loss: (features) => clipLoss({ ...features, logitScale: mean(head), chunkSize: 8 }),
        })
        dispose(got as never)
        return []
      })
      expect(calls).toBe(2 * parts.length - 1)
      return peakBytes - before
    }
    const [whole, parts] = [await peak(64), await peak(4)]
    expect(parts).toBeLessThan(whole / 4)
    dispose([weight, head])
  })

  it('have no extra losses where there are none, and none for parameters out of reach', async () => {
    const towers = new Towers()
    await expectNoLeak(async () => {
      const got = await accumulateGradients({
        ...batch,
        encode: (part, record) => {
          const { imageFeatures, textFeatures } = record(() => {
            const { imageFeatures: images, textFeatures: texts } = towers.features(part)
            return { imageFeatures: images, textFeatures: texts }
          })
          return { imageFeatures, textFeatures }
        },
        parameters: towers.parameters,
        loss: towers.clip,
      })
      expect(got.extraLosses).toEqual({})
      expect(Object.keys(got.gradients)).not.toContain('map')
      expect(Object.keys(got.gradients)).not.toContain('logitBias')
      dispose(got as never)
    })
    towers.dispose()
  })

  it('are refused by what is wrong, and leave nothing behind', async () => {
    const towers = new Towers()
    const options = { ...batch, encode: towers.encode, parameters: towers.parameters, loss: towers.sigLip }
    type Change = Partial<Parameters<typeof accumulateGradients<Part>>[0]>
    const changed = (part: Part, record: Recorder, count: number) => {
      const { extraLosses, ...rest } = towers.encode(part, record)
      return { ...rest, extraLosses: { box: { ...extraLosses.box, count } } }
    }
    let calls = 0
    const cases: [Change, string][] = [
      [{ microBatches: [] }, 'no micro-batches'],
      [{ encode: (part) => towers.encode(part, tidy) }, 'inside the record'],
      [{ encode: (part, record) => changed(part, record, -1) }, 'mean of -1 samples'],
      [{ encode: (part, record) => changed(part, record, 0.5) }, 'mean of 0.5 samples'],
      [
        {
          encode: (part, record) => {
            const { extraLosses, ...rest } = towers.encode(part, record)
            if (part.from === 0) return { ...rest, extraLosses }
            dispose(extraLosses.box.mean)
            return rest
          },
        },
        'extra losses of micro-batch 1 are [], of micro-batch 0 [box]',
      ],
      [
        {
          encode: (part, record) => {
            if (++calls === 5) throw new Error('in the second pass')
            return towers.encode(part, record)
          },
        },
        'in the second pass',
      ],
      [
        {
          loss: () => {
            throw new Error('in the loss')
          },
        },
        'in the loss',
      ],
      [{ signal: AbortSignal.abort(new Error('stopped')) }, 'stopped'],
    ]
    for (const [change, message] of cases) {
      await expectNoLeak(() =>
        expect(accumulateGradients({ ...options, ...change })).rejects.toThrow(message),
      )
    }
    towers.dispose()
  })

  it('fail on all workers when batches are not of one size', async () => {
    const towers = new Towers()
    const work = (collective: Collective) =>
      accumulateGradients({
        microBatches: [{ from: 0, to: collective.rank + 1 }],
        encode: towers.encode,
        parameters: towers.parameters,
        loss: towers.sigLip,
        collective,
      })
    await expectNoLeak(() =>
      expect(runWorkers(2, work)).rejects.toThrow(
        'worker 0 calls allGather of [1,4], worker 1 allGather of [2,4]',
      ),
    )
    towers.dispose()
  })
})

describe('gradients by features', () => {
  beforeAll(() => useBackend('cpu'))

  it('return to the workers whose features a loss used', async () => {
    await expectNoLeak(async () => {
      const results = await runWorkers(3, async (collective) => {
        using scope = new TensorScope()
        const own = () => scope.track(tidy(() => add(zeros([1, 2]), collective.rank + 1)))
        return await contrastiveGradients({
          imageFeatures: own(),
          textFeatures: own(),
          collective,
          // Worker r weighs worker w's text with 10^r times w's number.
          loss: ({ workers }) =>
            mul(addN(workers!.textFeatures.map((x, w) => mul(sum(x), w + 1))), 10 ** collective.rank),
        })
      })
      for (const [rank, { loss, imageFeatures, textFeatures }] of results.entries()) {
        // 2 (1 1 + 2 2 + 3 3) 10^r
        expect([...(await tensorData(loss))]).toEqual([28 * 10 ** rank])
        expect([...(await tensorData(imageFeatures))]).toEqual([0, 0])
        expect([...(await tensorData(textFeatures))]).toEqual([111 * (rank + 1), 111 * (rank + 1)])
      }
      dispose(results as never)
    })
  })
})

/** [to - from, 4]: numbers that differ from row to row. */
const fill = (from: number, to: number): Tensor =>
  tensor(
    Float32Array.from({ length: (to - from) * 4 }, (_, i) => Math.sin(from * 4 + i)),
    [to - from, 4],
  )
