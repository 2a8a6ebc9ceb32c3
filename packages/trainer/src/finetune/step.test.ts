// A fine-tuning step: its gradients against finite differences, its losses by other ways to the same numbers.
import { binaryCrossEntropyAndDice, boxSupervisionLoss, regionTargets } from '@ps3js/contrastive-loss'
import type { PatchSelection } from '@ps3js/patch-selector'
import { dispose, Random, type Tensor, tensorData, tidy, useBackend } from '@ps3js/tensor'
import { type PictureAssistant, type PictureLook, PictureReader, type PromptState } from '@ps3js/vila-hd'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectNoLeak, largestDifference } from '../../../../tools/test-support.ts'
import { questionForward, type SelectionMode } from './forward.ts'
import type { QuestionBatch } from './rows.ts'
import { type FineTuneOptions, fineTuneStep } from './step.ts'
import { SIZE, tinyAssistant, tinyBatch } from './tiny-assistant.fixture.ts'

beforeAll(() => useBackend('wasm'))

const OPTIONS: FineTuneOptions = {
  selection: { mode: 'forced', budget: 40, distractors: 1 },
  prompt: { gradient: false },
  loss: { answer: 1, selection: 0.5 },
}

async function step(
  assistant: PictureAssistant,
  batch: QuestionBatch,
  options: Partial<FineTuneOptions> = {},
) {
  const { gradients, ...rest } = await fineTuneStep(assistant.model, batch, { ...OPTIONS, ...options })
  const values = new Map<string, number[]>()
  for (const [path, gradient] of gradients) values.set(path, [...(await tensorData(gradient))])
  dispose([...gradients.values()] as Tensor[])
  return { ...rest, values }
}

/** Where each kind of parameter is: one of every part. */
const PARAMETERS = [
  'vision_tower.vision_model.trunk.blocks.0.attn.qkv.weight',
  'vision_tower.vision_model.trunk.patch_embed.proj.weight',
  'mm_projector.layers.1.weight',
  'mm_projector.layers.2.weight',
  'mm_projector.top_down_prompt_head.weight',
  'mm_projector.high_res_scale_embed.1',
  'llm.model.embed_tokens.weight',
  'llm.model.layers.0.self_attn.k_proj.weight',
  'llm.model.layers.1.mlp.up_proj.weight',
]

/** Moves a parameter along its gradient: how much the loss then changes, and how much it should. */
async function alongGradient(
  assistant: PictureAssistant,
  batch: QuestionBatch,
  path: string,
  gradient: number[],
  options: Partial<FineTuneOptions>,
) {
  const parameter = new Map(assistant.model.namedParameters()).get(path)!
  const start = Float32Array.from(await tensorData(parameter.value))
  const length = Math.hypot(...gradient)
  const h = 2e-3
  const at = async (sign: number) => {
    parameter.set(start.map((value, i) => value + (sign * h * gradient[i]!) / length))
    return (await step(assistant, batch, options)).losses.total
  }
  const change = ((await at(1)) - (await at(-1))) / (2 * h)
  parameter.set(start)
  return { change, length }
}

describe('fineTuneStep', () => {
  it.each<[string, Partial<FineTuneOptions>]>([
    [
      'the answers',
      { loss: { answer: 1, selection: 0 }, selection: { mode: 'crop', budget: 40, distractors: 0 } },
    ],
    [
      'where to look, with gradients through the language model',
      {
        loss: { answer: 0, selection: 1 },
        prompt: { gradient: true },
        selection: { mode: 'none', distractors: 0 },
      },
    ],
  ])('has the gradients of finite differences: %s', async (_, options) => {
    const assistant = tinyAssistant({ promptState: 'mean' })
    const batch = tinyBatch(assistant, 1)
    const { values } = await step(assistant, batch, options)
    const wanted = PARAMETERS.filter((path) => values.get(path)?.some((value) => value !== 0))
    expect(wanted.length).toBeGreaterThan(5)
    for (const path of wanted) {
      const { change, length } = await alongGradient(assistant, batch, path, values.get(path)!, options)
      // Central differences of a float32 loss of about 4: 1e-6 / 2e-2 of noise, and the third derivative's share.
      expect(Math.abs(change - length), `${path}: ${change}, ${length}`).toBeLessThan(0.02 * length + 2e-4)
    }
    assistant.dispose()
  })

  it.each<PromptState>(['last', 'mean'])('looks where an answer will look, by the %s state', (promptState) =>
    expectNoLeak(async () => {
      const assistant = tinyAssistant({ promptState })
      const batch = tinyBatch(assistant, 1)
      const options = { record: tidy, needsMaps: true, random: new Random(0) }
      const { maps, topDown, pictures } = await questionForward(assistant.model, batch, OPTIONS, options)
      using reader = new PictureReader(assistant.model)
      // The second question goes on from what the first has read.
      for (const [i, { prompt: ids }] of batch.ids.entries()) {
        const looks: PictureLook[] = []
        const onLooks = (all: readonly PictureLook[]) => void looks.push(...all)
        const question = { ids, pictures: [{ image: batch.samples[i]!.image }] }
        for await (const _ of reader.answer(question, { maxTokens: 1, onLooks })) break
        // Probabilities in float32, summed in another order.
        const { data } = looks[0]!.probabilities.topDown!
        expect(largestDifference(data, maps![i]!.data)).toBeLessThan(1e-5)
      }
      dispose([topDown!, ...pictures.flatMap(({ low, high }) => [low, high].filter((x) => x !== null))])
      assistant.dispose()
    }),
  )

  it('lets the prompt head alone learn from where to look, unless told otherwise', async () => {
    const assistant = tinyAssistant()
    const batch = tinyBatch(assistant, 1)
    const loss = { answer: 0, selection: 1 }
    const apart = await step(assistant, batch, { loss })
    const through = await step(assistant, batch, { loss, prompt: { gradient: true } })
    const head = 'mm_projector.top_down_prompt_head.weight'
    const ofModel = 'llm.model.layers.0.self_attn.k_proj.weight'
    const largest = (values: number[] | undefined) => Math.max(0, ...(values ?? []).map(Math.abs))
    expect(through.losses.selection).toBeCloseTo(apart.losses.selection, 6)
    expect(through.values.get(head)).toEqual(apart.values.get(head))
    expect(largest(apart.values.get(ofModel))).toBe(0)
    expect(largest(through.values.get(ofModel))).toBeGreaterThan(0)
    assistant.dispose()
  })

  it('is the same in parts of any size, and with one low-res pass for each picture', () =>
    expectNoLeak(async () => {
      const assistant = tinyAssistant()
      const batch = tinyBatch(assistant, 2)
      const whole = await step(assistant, batch, { random: new Random(1) })
      const own = {
        ...batch,
        samples: batch.samples.map((sample) => ({ ...sample, image: { ...sample.image } })),
      }
      for (const other of [
        await step(assistant, batch, { microBatch: 1, random: new Random(1) }),
        await step(assistant, batch, { microBatch: 3, random: new Random(1) }),
        await step(assistant, own, { random: new Random(1) }),
      ]) {
        expect(other.selections).toEqual(whole.selections)
        expect(other.losses.total).toBeCloseTo(whole.losses.total, 4)
        for (const [path, values] of whole.values) {
          const scale = Math.max(1, ...values.map(Math.abs))
          const worst = Math.max(...values.map((value, i) => Math.abs(value - other.values.get(path)![i]!)))
          // Float32 sums in another order.
          expect(worst / scale, path).toBeLessThan(2e-5)
        }
      }
      assistant.dispose()
    }))

  it('weighs where to look as the recorded loss does: cross-entropy and dice over the rows that have boxes', () =>
    expectNoLeak(async () => {
      const assistant = tinyAssistant()
      const { ids, samples } = tinyBatch(assistant, 2)
      const batch = {
        ids,
        samples: samples.map((sample, i) => (i === 1 ? { ...sample, boxes: [] } : sample)),
      }
      const { losses } = await step(assistant, batch)
      expect(losses.total).toBeCloseTo(losses.answer + 0.5 * losses.selection, 5)
      const { topDown, grids, pictures } = await questionForward(assistant.model, batch, OPTIONS, {
        record: (body) => tidy(body),
        needsMaps: true,
        random: new Random(0),
      })
      // Maps of the pictures' own size, as in the records that `boxSupervisionLoss` is held against.
      const regions = batch.samples.map(({ boxes }) => {
        const data = new Float32Array(SIZE * SIZE)
        for (const [x1, y1, x2, y2] of boxes)
          for (let row = y1; row < y2; row++) data.fill(1, row * SIZE + x1, row * SIZE + x2)
        return { height: SIZE, width: SIZE, data }
      })
      const targets = regionTargets(regions, grids)
      const isLocal = batch.samples.map(({ boxes }) => boxes.length > 0)
      const mapLoss = binaryCrossEntropyAndDice
      const want = boxSupervisionLoss({ probabilities: topDown!, targets, isLocal, mapLoss })
      expect(losses.selection).toBeCloseTo((await tensorData(want))[0]!, 5)
      dispose([topDown!, want, ...targets])
      dispose([...new Set(pictures.flatMap(({ low, high }) => [low!, high!]))])
      assistant.dispose()
    }))

  it('takes any number of patches between two', async () => {
    const assistant = tinyAssistant()
    const batch = tinyBatch(assistant, 1)
    const counts = new Set<number>()
    for (let seed = 0; seed < 6; seed++) {
      const selection = { mode: 'together' as const, budget: [10, 40] as const }
      const { selections } = await step(assistant, batch, { selection, random: new Random(seed) })
      const count = selections![0]!.indices.reduce((sum, { length }) => sum + length, 0)
      expect([count >= 10, count <= 40]).toEqual([true, true])
      counts.add(count)
    }
    expect(counts.size).toBeGreaterThan(3)
    assistant.dispose()
  })

  it('takes what its mode says', async () => {
    const assistant = tinyAssistant()
    const batch = tinyBatch(assistant, 1)
    const share = async (
      mode: SelectionMode,
      box: readonly number[],
      asked = batch,
      random = new Random(0),
    ) => {
      const selection = { mode, budget: 40, distractors: 1 }
      const { selections } = await step(assistant, asked, { selection, random })
      expect(selections![0]!.indices.map(({ length }) => length)).toEqual([8, 32])
      const [x1, y1] = box as [number, number]
      const inside = [0, 1, 2].flatMap((r) => [0, 1, 2].map((c) => (y1 / 4 + r) * 16 + x1 / 4 + c))
      return inside.filter((patch) => selections![0]!.indices[1]!.includes(patch)).length / 9
    }
    const { boxes, distractors } = batch.samples[0]!
    expect(await share('crop', boxes[0]!)).toBe(1)
    expect(await share('forced', boxes[0]!)).toBe(1)
    expect(await share('forced', distractors[0]!)).toBeGreaterThan(0.6)
    // What the batch's other question about the picture asks for.
    expect(await share('together', boxes[0]!)).toBe(1)
    expect(await share('together', distractors[0]!)).toBe(1)
    const one = { samples: batch.samples.slice(0, 1), ids: batch.ids.slice(0, 1) }
    expect(await share('together', distractors[0]!, one)).toBeLessThan(0.5)
    // Of one distractor none or one, by the generator.
    const taken = new Set<boolean>()
    for (let seed = 0; seed < 8; seed++)
      taken.add((await share('crop', distractors[0]!, one, new Random(seed))) === 1)
    expect(taken.size).toBe(2)
    expect(await share('predicted', boxes[0]!)).toBeLessThan(1)
    const blind = await step(assistant, batch, { selection: { mode: 'none', distractors: 0 } })
    expect(blind.selections).toBeNull()
    assistant.dispose()
  })

  it('reads patches without the low-res tokens where it is told to', async () => {
    const assistant = tinyAssistant()
    const batch = tinyBatch(assistant, 2)
    await expectNoLeak(async () => {
      const rows = async (lowRes: boolean) => {
        const selection = { mode: 'predicted' as const, budget: 40, distractors: 0, lowRes }
        const found = await step(assistant, batch, { selection })
        return found.rows
      }
      // Sixteen low-res patches of each picture, four to a token; and without them both begin alike, which is read once.
      const pictures = new Set(batch.samples.map(({ image }) => image)).size
      expect(pictures).toBe(2)
      const beginning = batch.ids[0]!.prompt.indexOf(assistant.model.config.imageTokenId)
      expect((await rows(true)) - (await rows(false))).toBe(4 * pictures + beginning)
    })
    assistant.dispose()
  })

  it('looks where the reader looks, also by the picture alone', async () => {
    for (const lookMode of ['after-prompt', 'after-image'] as const) {
      const assistant = tinyAssistant({ lookMode })
      const batch = tinyBatch(assistant, 2)
      await expectNoLeak(async () => {
        const selection = { mode: 'predicted' as const, distractors: 0 }
        const found = await step(assistant, batch, { selection })
        // Nothing is learned of where to look where no question says it.
        expect(found.losses.selection > 0).toBe(lookMode === 'after-prompt')
        for (const [i, { image }] of batch.samples.entries()) {
          using reader = new PictureReader(assistant.model)
          let looked: PatchSelection | undefined
          const onLooks = ([look]: readonly PictureLook[]) => {
            looked = look!.selection
          }
          const question = { ids: batch.ids[i]!.prompt, pictures: [{ image }] }
          for await (const _ of reader.answer(question, { maxTokens: 1, onLooks }));
          expect(found.selections![i]).toEqual(looked)
        }
      })
      assistant.dispose()
    }
  })

  it('names a question that does not fit into the context', async () => {
    const assistant = tinyAssistant()
    const batch = tinyBatch(assistant, 1)
    const [ids] = batch.ids
    const long = { ...ids!, answer: Array.from({ length: 300 }, () => 5) }
    await expectNoLeak(() =>
      expect(step(assistant, { samples: batch.samples.slice(0, 1), ids: [long] })).rejects.toThrow(
        `the question "${batch.samples[0]!.question}" takes `,
      ),
    )
    assistant.dispose()
  })

  it('refuses an empty batch, and leaves nothing behind', async () => {
    const assistant = tinyAssistant()
    await expectNoLeak(() =>
      expect(fineTuneStep(assistant.model, { samples: [], ids: [] }, OPTIONS)).rejects.toThrow(
        'at least one',
      ),
    )
    const outside = tinyBatch(assistant, 1)
    const samples = outside.samples.map((sample) => ({ ...sample, boxes: [[90, 90, 99, 99] as const] }))
    await expectNoLeak(() =>
      expect(fineTuneStep(assistant.model, { ...outside, samples }, OPTIONS)).rejects.toThrow(
        /outside the picture/,
      ),
    )
    assistant.dispose()
  })
})
