// A few tokens through whole layers in one kernel, against all tokens at once through plain layers.
import {
  dispose,
  engine,
  type Linear,
  type PackedFormat,
  slice,
  Tape,
  type Tensor,
  tensorData,
  tidy,
  useBackend,
  withPlainOps,
} from '@ps3js/tensor'
import { beforeAll, expect, it } from 'vitest'
import { describeNative } from '../../../../tools/backends.ts'
import { expectNoLeak, largestDifference } from '../../../../tools/test-support.ts'
import { KeyValueCache, LoraAdapters, loraLayers, packedLayers, prefill, type Qwen2 } from '../index.ts'
import { smallModel } from '../recorded.fixture.ts'

const KERNEL = 'PS3DecoderLayer'
// More than 256 tokens: the cache then has a long part and a recent one.
const IDS = Array.from({ length: 303 }, (_, i) => (i * 7) % 50)

/** States of order 1, whose sums are taken in another order. */
const TOLERANCE = 1e-4

/** The last `count` tokens' states, from one pass over everything. */
function whole(model: Qwen2, count: number): Tensor {
  return tidy(() =>
    slice(model.forward(model.embed(IDS), [{ length: IDS.length }]).last, [IDS.length - count, 0]),
  )
}

async function kernelsOf(work: () => Tensor): Promise<{ names: string[]; result: Tensor }> {
  const { kernelNames, result } = await engine().profile(work)
  return { names: kernelNames, result: result as Tensor }
}

/** The same with what comes before in a cache, `each` tokens at a time. */
async function inSteps(
  model: Qwen2,
  count: number,
  each: number,
): Promise<{ names: string[]; states: number[] }> {
  const past = new KeyValueCache(model.config)
  dispose(await prefill(model, [{ prompt: IDS.slice(0, -count), past }]))
  const names: string[] = []
  const states: number[] = []
  for (let at = IDS.length - count; at < IDS.length; at += each) {
    const step = await kernelsOf(() =>
      tidy(() => model.forward(model.embed(IDS.slice(at, at + each)), [{ length: each, past }]).last),
    )
    names.push(...step.names)
    states.push(...(await tensorData(step.result)))
    step.result.dispose()
  }
  past.dispose()
  return { names, states }
}

describeNative('a decoder layer in one kernel', () => {
  beforeAll(() => useBackend('node'))

  const formats: (PackedFormat | undefined)[] = [undefined, 'bf16', 'f16', 'int8', 'int4']
  it.each(formats.flatMap((format) => [1, 3, 6].map((each) => ({ format, each }))))(
    'gives what plain layers give: $format, $each at a time',
    async ({ format, each }) => {
      await expectNoLeak(async () => {
        const model = smallModel({}, format && packedLayers(format))
        const want = whole(model, 6)
        const { names, states } = await inSteps(model, 6, each)
        expect(names).toContain(KERNEL)
        expect(largestDifference(states, await tensorData(want))).toBeLessThan(TOLERANCE)
        dispose(want)
        model.dispose()
      })
    },
  )

  it('takes heads whose widths together are not the model width', async () => {
    const model = smallModel({ headDim: 10, numHeads: 6, numKeyValueHeads: 3 })
    const want = whole(model, 4)
    const { names, states } = await inSteps(model, 4, 2)
    expect(names).toContain(KERNEL)
    expect(largestDifference(states, await tensorData(want))).toBeLessThan(TOLERANCE)
    dispose(want)
    model.dispose()
  })

  it('stands back for packed weights that another backend was to read', async () => {
    await useBackend('wasm')
    const model = smallModel({}, packedLayers('int8'))
    await useBackend('node')
    const want = whole(model, 2)
    const { names, states } = await inSteps(model, 2, 1)
    expect(names).not.toContain(KERNEL)
    expect(largestDifference(states, await tensorData(want))).toBeLessThan(TOLERANCE)
    dispose(want)
    model.dispose()
  })

  it('stands back where it must: adapters, gradients, many tokens, plain ops', async () => {
    const adapted = smallModel({}, loraLayers({ rank: 2, alpha: 4 }))
    const adapters = LoraAdapters.of(adapted)
    adapters.initialize(1)
    expect((await inSteps(adapted, 2, 1)).names).not.toContain(KERNEL)
    adapters.dispose()
    adapted.dispose()

    const model = smallModel()
    expect((await inSteps(model, 18, 9)).names).not.toContain(KERNEL)
    const past = new KeyValueCache(model.config)
    dispose(await prefill(model, [{ prompt: IDS.slice(0, 20), past }]))
    const step = () => model.forward(model.embed([1]), [{ length: 1, past }]).last
    const tape = new Tape()
    const recorded = await kernelsOf(() => tape.record(step))
    expect(recorded.names).not.toContain(KERNEL)
    const { weight } = model.model.layers[0]!.mlp.up_proj as Linear
    const [gradient] = tape.gradients([{ y: recorded.result }], [weight.value])
    expect(gradient?.shape).toEqual([40, 24])
    expect((await kernelsOf(() => withPlainOps(step))).names).not.toContain(KERNEL)
    past.dispose()
    model.dispose()
  })
})
