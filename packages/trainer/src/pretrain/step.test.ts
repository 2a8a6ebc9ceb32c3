// Training steps on a small model: what must change a number and what must not, and what is refused. Parity with the
// reference is proved by the command's replay of fixtures/step_budget.
import { PS3Encoder, parseConfig, type RgbImage } from '@ps3js/ps3-encoder'
import { dispose, memory, Random, type Tensor, tensorData, useBackend } from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { tinyModelConfig } from '../run/tiny.fixture.ts'
import { checkpointedBlocks, type PretrainBatch, type PretrainOptions, pretrainStep } from './index.ts'

beforeAll(() => useBackend('wasm'))

const { config, trunk } = tinyModelConfig
const normalization = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }

function tinyEncoder({ contrastive = true, text = true } = {}): PS3Encoder {
  const parsed = parseConfig(text ? config : config.vision_config, trunk)
  const encoder = new PS3Encoder({ config: parsed, normalization, contrastive })
  encoder.initialize(1)
  return encoder
}

/** Noise, with a box in another corner of every picture; the last caption is about the whole picture. */
function tinyBatch(count = 3, side = 112): PretrainBatch {
  const random = new Random(2)
  const indices = Array.from({ length: count }, (_, i) => i)
  const images = indices.map((): RgbImage => {
    const data = Uint8Array.from({ length: side * side * 3 }, () => random.uint32() & 255)
    return { width: side, height: side, data }
  })
  const regions = indices.map((i) => {
    const data = new Float32Array(side * side)
    for (let row = 20 * i; row < 20 * i + 25; row++) data.fill(1, row * side + 10, row * side + 40)
    return { width: side, height: side, data }
  })
  return {
    images,
    regions,
    tokenIds: indices.map((i) => Int32Array.from({ length: 8 }, (_, k) => (7 * i + 3 * k) % 91)),
    isGlobalText: indices.map((i) => i === count - 1),
  }
}

async function step(batch: PretrainBatch, options: PretrainOptions = {}) {
  const encoder = tinyEncoder()
  try {
    const { losses, gradients, selections } = await pretrainStep(encoder, batch, options)
    const values = new Map<string, number[]>()
    for (const [path, gradient] of gradients) values.set(path, [...(await tensorData(gradient))])
    dispose([...gradients.values()] as Tensor[])
    return { losses, values, selections }
  } finally {
    encoder.dispose()
  }
}

type Step = Awaited<ReturnType<typeof step>>

/** Float32 sums in another order: gradients of order 1 agree to some 1e-6. */
function expectSame(a: Step, b: Step): void {
  expect(b.selections).toEqual(a.selections)
  expect(b.losses.total).toBeCloseTo(a.losses.total, 4)
  expect([...b.values.keys()].sort()).toEqual([...a.values.keys()].sort())
  for (const [path, values] of a.values) {
    const other = b.values.get(path)!
    const worst = values.findIndex((x, i) => !(Math.abs(x - other[i]!) <= 1e-5))
    expect(worst, `${path}[${worst}]: ${values[worst]}, ${other[worst]}`).toBe(-1)
  }
}

describe('pretrainStep', () => {
  it('gives the same through checkpointed blocks and in micro-batches of any size', () =>
    expectNoLeak(async () => {
      const batch = tinyBatch()
      const plain = await step(batch)
      expectSame(plain, await step(batch, { blocks: checkpointedBlocks }))
      expectSame(plain, await step(batch, { microBatch: 1 }))
      expectSame(plain, await step(batch, { microBatch: 2, blocks: checkpointedBlocks }))
    }))

  it('keeps less for the backward pass with checkpointed blocks', async () => {
    const held = async (options: PretrainOptions) => {
      const encoder = tinyEncoder()
      let most = 0
      const { gradients } = await pretrainStep(encoder, tinyBatch(), {
        ...options,
        // Read while the tape holds the low-res pass.
        encodeText: (ids) => {
          most = memory().numTensors
          return encoder.text_model!.forward(ids)
        },
      })
      dispose([...gradients.values()] as Tensor[])
      encoder.dispose()
      return most
    }
    expect(await held({ blocks: checkpointedBlocks })).toBeLessThan(await held({}))
  })

  it('takes the region first, unless told not to', async () => {
    const batch = tinyBatch()
    const inside = ({ selections }: Step) =>
      selections.map(({ indices }, i) => {
        // A grid of 8 x 8 patches of 14 px; the regions span rows 20 i to 20 i + 24 and columns 10 to 39.
        const rows = [Math.floor((20 * i) / 14), Math.floor((20 * i + 24) / 14)] as const
        const wanted: number[] = []
        for (let row = rows[0]; row <= rows[1]; row++) for (let c = 0; c <= 2; c++) wanted.push(row * 8 + c)
        return wanted.filter((id) => indices[0]!.includes(id)).length / wanted.length
      })
    expect(inside(await step(batch))).toEqual([1, 1, 1])
    const free = inside(await step(batch, { selectWithGroundTruth: false }))
    expect(Math.min(...free)).toBeLessThan(1)
  })

  it.each<[string, PretrainOptions]>([
    ['pooling everywhere', { poolGroundTruthTokensOnly: false }],
    ['no low-res keys and values', { attendToLowRes: false }],
  ])('%s changes what is compared, not where it looks', async (_, options) => {
    const [usual, other] = [await step(tinyBatch()), await step(tinyBatch(), options)]
    expect(other.selections).toEqual(usual.selections)
    expect(other.losses.topDown).toBe(usual.losses.topDown)
    expect(other.losses.contrastive).not.toBe(usual.losses.contrastive)
  })

  it('counts samples of one picture as no counter-examples', async () => {
    const batch = tinyBatch()
    const apart = await step({ ...batch, pictures: [0, 1, 2] })
    const together = await step({ ...batch, pictures: [0, 0, 1] })
    expect(apart.losses.contrastive).toBe((await step(batch)).losses.contrastive)
    // The bias starts at -10 and two of nine pairs are left out: each adds a little.
    expect(together.losses.contrastive).toBeLessThan(apart.losses.contrastive)
  })

  it('weighs losses, reports them before their weights, and adds dice', async () => {
    const batch = tinyBatch()
    const usual = await step(batch)
    const { contrastive, bottomUp, topDown, total } = usual.losses
    expect(total).toBeCloseTo(contrastive + bottomUp + topDown, 5)
    const weighted = await step(batch, { lossWeights: { bottomUp: 0, topDown: 3 } })
    expect(weighted.losses.bottomUp).toBe(0)
    expect(weighted.losses.topDown).toBeCloseTo(topDown, 5)
    expect(weighted.losses.total).toBeCloseTo(contrastive + 3 * topDown, 4)
    const dice = await step(batch, { dice: true })
    expect(dice.losses.topDown).toBeGreaterThan(topDown)
  })

  it('differentiates by the given parameters only', async () => {
    const encoder = tinyEncoder()
    const parameters = new Map(
      [...encoder.namedParameters()].filter(([path]) => path.includes('.attn_pool.')),
    )
    const { gradients } = await pretrainStep(encoder, tinyBatch(), { parameters })
    expect([...gradients.keys()].sort()).toEqual([...parameters.keys()].sort())
    dispose([...gradients.values()] as Tensor[])
    encoder.dispose()
  })

  it('works when all captions are about whole pictures: nothing is supervised by boxes', async () => {
    const batch = { ...tinyBatch(), isGlobalText: [true, true, true] }
    const { losses } = await step(batch)
    expect(losses).toMatchObject({ bottomUp: 0, topDown: 0 })
    expect(losses.total).toBeGreaterThan(0)
  })

  it('refuses what does not fit, and leaves nothing behind', async () => {
    const batch = tinyBatch()
    const refused = (encoder: PS3Encoder, wrong: PretrainBatch, message: string, options?: PretrainOptions) =>
      expectNoLeak(() => expect(pretrainStep(encoder, wrong, options)).rejects.toThrow(message))
    const encoder = tinyEncoder()
    await refused(encoder, { ...batch, regions: [] }, '3 images, but 0 regions')
    await refused(encoder, { ...batch, pictures: [1] }, '3 images, but 1 pictures')
    await refused(encoder, sliceNothing(batch), 'at least one sample')
    await refused(encoder, batch, 'microBatch is 0', { microBatch: 0 })
    const stopped = { signal: AbortSignal.abort(new Error('stop')) }
    await refused(encoder, batch, 'stop', stopped)
    const tokenIds = batch.tokenIds.map(() => Int32Array.of(500))
    await refused(encoder, { ...batch, tokenIds }, 'token id 500')
    encoder.dispose()
    const [plain, blind] = [tinyEncoder({ contrastive: false }), tinyEncoder({ text: false })]
    await refused(plain, batch, 'contrastive: true')
    await refused(blind, batch, 'needs a text tower')
    plain.dispose()
    blind.dispose()
  })
})

const sliceNothing = (batch: PretrainBatch): PretrainBatch => ({
  ...batch,
  images: [],
  tokenIds: [],
  regions: [],
  isGlobalText: [],
})
