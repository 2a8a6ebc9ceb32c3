// The example's parts: questions spelled by its tokenizer, held-out samples that share nothing with training, and a short
// run of its stages with a model of a few thousand parameters.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pictureRandom } from '@ps3js/data-synth'
import { TextTokenizer } from '@ps3js/language-model'
import { ImageProcessor, loadPretrained, PS3Encoder, parseConfig, savePretrained } from '@ps3js/ps3-encoder'
import { fileSource, openSafetensors, useBackend } from '@ps3js/tensor'
import { openAssistant, parseFineTuneConfig, type RunRecord } from '@ps3js/trainer'
import { loadVilaHd, saveVilaHd } from '@ps3js/vila-hd'
import { expect, it } from 'vitest'
import { inTempDir } from '../../tools/in-temp-dir.ts'
import { expectNoLeak } from '../../tools/test-support.ts'
import { teachReading } from './close.mjs'
import { asMarkdown, measure, wilson } from './evaluate.mjs'
import { makeTokenizer } from './make-tokenizer.mjs'
import { drawGroup, placeMarks, sidesOf } from './marks.mjs'
import { teachPatches } from './patches.mjs'
import { evaluationQuestions, questionSource } from './questions.mjs'
import { sharpenAttention } from './sharpen.mjs'
import { RECIPE } from './stages.mjs'
import { trainStages } from './train.mjs'
import { teachWhere } from './where.mjs'

const file = (name: string) => readFile(new URL(`tokenizer/${name}`, import.meta.url), 'utf8')

it('has a tokenizer that is what its script makes, with a token for each word of the questions', async () => {
  const tokenizer = JSON.parse(await file('tokenizer.json'))
  expect(makeTokenizer()).toEqual(tokenizer)
  expect(Object.keys(tokenizer.model.vocab)).toHaveLength(RECIPE.parts.languageModelConfig.vocab_size)
  const text = new TextTokenizer({ tokenizer, config: JSON.parse(await file('tokenizer_config.json')) })
  const question = 'What colour is the dot on the cyan triangle?'
  const chat = text.renderChat([{ role: 'user', content: `<image>${question}` }])
  expect(text.encode(question)).toHaveLength(10)
  expect(text.decode(text.encode('FISH'))).toBe('FISH')
  expect(text.encode('FISH')).toHaveLength(4)
  expect(text.encode(chat).length).toBeLessThan(24)
})

it('asks the same of a seed, of the kinds wanted, and goes on where it stopped', async () => {
  const take = async (state: unknown, count: number) => {
    const source = questionSource({ seed: 1, size: 1024, count: 4, kinds: ['mark', 'word'], needs: [756] })
    const taken: { sample: { question: string; kind: string }; state: unknown }[] = []
    for await (const one of source.open(state)) if (taken.push(one) === count) break
    return taken
  }
  const all = await take(null, 8)
  expect(all.every(({ sample }) => /^(mark|word)@756$/.test(sample.kind))).toBe(true)
  const rest = await take(all[2]!.state, 5)
  expect(rest.map(({ sample }) => sample.question)).toEqual(all.slice(3).map(({ sample }) => sample.question))
})

it('says so where nothing can be asked', async () => {
  const { open } = questionSource({ seed: 1, size: 512, count: 4, kinds: ['riddle'], needs: [378] })
  await expect(open(null).next()).rejects.toThrow(
    'none of 50 pictures has a question of riddle that needs 378',
  )
})

it('evaluates on pictures that show nothing to the blind', async () => {
  const rows: { image: { data: Uint8Array }; answer: string }[] = []
  const options = { seed: 1, size: 512, count: 3, pictures: 2 }
  for await (const row of evaluationQuestions({ ...options, isBlind: true })()) rows.push(row)
  expect(rows).toHaveLength(6)
  expect(rows.every(({ image }) => image === rows[0]!.image && image.data[77] === 128)).toBe(true)
})

it.each([
  // Newcombe, Statistics in Medicine 17 (1998), table I, method 3; the last one by Python.
  [81, 263, 0.2553, 0.3662],
  [15, 148, 0.0624, 0.1605],
  [0, 20, 0, 0.1611],
  [1, 29, 0.0061, 0.1718],
  [8, 10, 0.4902, 0.9433],
])('says between what an accuracy of %i of %i lies', (right, count, low, high) => {
  const found = wilson(right, count)
  // Published to four digits.
  expect(found[0]).toBeCloseTo(low, 4)
  expect(found[1]).toBeCloseTo(high, 4)
  const row = { name: 'seen', recall: 0.5, accuracy: { a: right / count }, counts: { a: count } }
  const shown = [right / count, low, high].map((value) => value.toFixed(2))
  expect(asMarkdown([row])).toContain(`| seen | 0.50 | ${shown[0]} (${shown[1]} to ${shown[2]}; ${count}) |`)
})

/** Scales of 8, 16 and 64 patches of 8 pixels, or as many of 14; untrained. */
async function saveSmallTower(directory: string, patch = 8): Promise<void> {
  const vision = {
    model_type: 'ps3_vision_model',
    model_name: 'small',
    hidden_size: 16,
    pool: 'map',
    ps3_scales: [8 * patch, 16 * patch, 64 * patch],
    select_based_on_layer: [0, 1],
    max_select_num: 200,
    highres_selection_feature: false,
  }
  const attn_pool = { width: 16, heads: 2, mlp_ratio: 2 }
  const trunk = { patch_size: patch, grid: 8, width: 16, depth: 2, heads: 2, mlp_hidden: 24, attn_pool }
  const normalization = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }
  const encoder = new PS3Encoder({ config: parseConfig(vision, trunk), normalization })
  encoder.initialize(1)
  const processor = new ImageProcessor({ image_size: 64 * patch, mean: 0.5, std: 0.5 })
  await savePretrained(encoder, directory, { processor })
  encoder.dispose()
}

async function allWeights(folder: string): Promise<Map<string, Float32Array>> {
  const file = await openSafetensors(fileSource(join(folder, 'model.safetensors')))
  const all = new Map<string, Float32Array>()
  for (const name of file.names()) all.set(name, await file.readFloat32(name))
  await file.close()
  return all
}

/** Of the first tensor whose name has that part. */
const weights = async (folder: string, part: string) =>
  [...(await allWeights(folder))].find(([name]) => name.includes(part))![1]

it(
  'teaches patches, and leaves the first layers of what connects them to a language model',
  () =>
    inTempDir(async (directory) => {
      await useBackend('wasm')
      const [from, to] = [join(directory, 'from'), join(directory, 'to')]
      await saveSmallTower(from, 14)
      const records: RunRecord[] = []
      const onRecord = (record: RunRecord) => records.push(record)
      const { writing } = RECIPE.encoder.patches
      await expectNoLeak(() => teachPatches(from, to, { steps: 4, writing, onRecord }))
      // 44 that a patch may hold, on one of seven colours, in one of four places, before and behind a projector: each as likely,
      // but that scores of normal initial values, of a deviation of one at most, add half their variance to each of six losses.
      expect(Math.abs(records[0]!.scalars.loss! - 2 * Math.log(44 * 7 * 4))).toBeLessThan(3)
      for (const kind of ['nothing', 'dot', 'digit', 'letter', 'on', 'place'])
        expect(Object.keys(records[0]!.scalars)).toContain(`accuracy/${kind}`)
      const projector = await openSafetensors(fileSource(join(to, 'projector.safetensors')))
      expect([...projector.names()].sort()).toEqual([
        'layers.0.bias',
        'layers.0.weight',
        'layers.2.bias',
        'layers.2.weight',
      ])
      expect(projector.info('layers.0.weight').shape).toEqual([
        RECIPE.parts.languageModelConfig.hidden_size,
        16,
      ])
      await projector.close()
      const part = 'trunk.patch_embed.proj.weight'
      expect(await weights(to, part)).not.toEqual(await weights(from, part))
    }),
  240_000,
)

it(
  'teaches where shapes are on small pictures, and leaves the trunk and the scales of large ones',
  () =>
    inTempDir(async (directory) => {
      await useBackend('wasm')
      const [{ from }, to] = [RECIPE.encoder, join(directory, 'to')]
      const records: RunRecord[] = []
      await teachWhere(from, to, { steps: 1, onRecord: (record: RunRecord) => records.push(record) })
      expect(records.some(({ scalars }) => Number.isFinite(scalars['loss/total']))).toBe(true)
      for (const name of ['config.json', 'preprocessor_config.json'])
        expect(JSON.parse(await readFile(join(to, name), 'utf8'))).toEqual(
          JSON.parse(await readFile(join(from, name), 'utf8')),
        )
      expect(await weights(to, '.trunk.blocks.0.')).toEqual(await weights(from, '.trunk.blocks.0.'))
      expect(await weights(to, 'highres_selection')).not.toEqual(await weights(from, 'highres_selection'))
    }),
  240_000,
)

it('shows marks at every scale, each in a place of its own', () =>
  inTempDir(async (directory) => {
    await useBackend('wasm')
    await saveSmallTower(directory, 14)
    const { encoder } = await loadPretrained(directory)
    const sides = sidesOf(encoder.config)
    // Four of the finest scale's patches are one of the first high scale's.
    expect(sides).toEqual([1, 4])
    const size = 4 * 14
    const random = pictureRandom(1, 1)
    const groups = [0, 1].map(() => drawGroup(random, { size, write: () => 'digit', beside: 1 }))
    await expectNoLeak(() => {
      const { patches, selections, rows } = placeMarks(encoder, groups, sides, random)
      expect(patches.shape).toEqual([2, 21 * 17, 3 * 14 ** 2])
      const values = patches.dataSync()
      selections.forEach(({ indices: [coarse, fine] }, g) => {
        expect([new Set(coarse).size, new Set(fine).size]).toEqual([21, 21 * 16])
        groups[g]!.forEach(({ image }, m) => {
          const [first, ...others] = rows[g]![m]!
          const cell = coarse![first!]!
          const [top, left] = [4 * Math.floor(cell / 16), 4 * (cell % 16)]
          others.forEach((row, p) => {
            const [y, x] = [Math.floor(p / 4), p % 4]
            expect(fine![row - 21]).toBe(64 * (top + y) + left + x)
            // Its upper left pixel's red, by mean and deviation of a half.
            const at = (g * 21 * 17 + row) * 3 * 14 ** 2
            expect(values[at]).toBeCloseTo(image.data[3 * 14 * (56 * y + x)]! / 127.5 - 1, 5)
          })
        })
      })
      patches.dispose()
    })
    encoder.dispose()
  }))

it(
  'teaches a language model to read marks',
  () =>
    inTempDir(async (directory) => {
      await useBackend('wasm')
      const [tower, to] = [join(directory, 'tower'), join(directory, 'to')]
      await saveSmallTower(tower, 14)
      const languageModelConfig = {
        ...RECIPE.parts.languageModelConfig,
        hidden_size: 16,
        num_hidden_layers: 1,
      }
      const parts = { ...RECIPE.parts, visionTower: tower, languageModelConfig }
      const { model } = parseFineTuneConfig({ model: { parts }, steps: 1 }, 'close')
      const records: RunRecord[] = []
      const onRecord = (record: RunRecord) => records.push(record)
      const settings = { ...RECIPE.close.at(-1)!, steps: 2, dotsEvery: 2 }
      await expectNoLeak(() => teachReading(model, to, { ...settings, onRecord }))
      // Of 464 tokens any is as likely: ln 464 = 6.1.
      expect(Math.abs(records[0]!.scalars.loss! - Math.log(464))).toBeLessThan(1)
      for (const kind of ['dot', 'digit', 'letters'])
        expect(Object.keys(records[0]!.scalars).some((name) => name.startsWith(`accuracy/${kind}`))).toBe(
          true,
        )
      const assistant = await loadVilaHd(to)
      expect(assistant.model.config.promptState).toBe('mean')
      assistant.dispose()
    }),
  240_000,
)

/** A small language model behind an untrained tower of patches of 8 pixels, in a folder. */
async function saveSmallModel(directory: string): Promise<string> {
  const [tower, folder] = [join(directory, 'tower'), join(directory, 'from')]
  await saveSmallTower(tower)
  const { parts } = RECIPE
  const languageModelConfig = { ...parts.languageModelConfig, hidden_size: 16, num_hidden_layers: 1 }
  const model = { parts: { ...parts, visionTower: tower, languageModelConfig } }
  const opened = await openAssistant(parseFineTuneConfig({ model, steps: 1 }, 'test').model, { seed: 0 })
  await saveVilaHd(opened.assistant, folder, { tokenizer: opened.tokenizer })
  opened.assistant.dispose()
  return folder
}

it('sharpens attention by its keys alone', () =>
  inTempDir(async (directory) => {
    await useBackend('wasm')
    const from = await saveSmallModel(directory)
    const to = join(directory, 'to')
    await expectNoLeak(() => sharpenAttention(from, to, { factor: 1.5 }))
    const changed: string[] = []
    for (const part of ['llm', 'mm_projector', 'vision_tower']) {
      const [before, after] = await Promise.all([from, to].map((folder) => allWeights(join(folder, part))))
      expect([...after!.keys()]).toEqual([...before!.keys()])
      for (const [name, values] of before!) {
        // Of queries, keys and values, in this order.
        const third = values.length / 3
        const isKey = (i: number) =>
          name.includes('.k_proj.') || (/trunk.*[.]attn[.]qkv[.]/.test(name) && i >= third && i < 2 * third)
        const wanted = values.map((value, i) => (isKey(i) ? 1.5 * value : value))
        expect(after!.get(name), name).toEqual(wanted)
        if (wanted.some((value, i) => value !== values[i])) changed.push(name.split('.').slice(-3).join('.'))
      }
    }
    // Biases are 0 before training.
    expect([...new Set(changed)].sort()).toEqual(['attn.qkv.weight', 'self_attn.k_proj.weight'])
  }))

it(
  'runs its stages one after the other, and leaves a model that can be asked',
  () =>
    inTempDir(async (directory) => {
      await useBackend('wasm')
      const from = await saveSmallModel(directory)
      const { common, stages } = RECIPE
      const recipe = {
        common: { ...common, batch: 8, log: { every: 1 }, evaluation: { samples: 8, maxTokens: 3 } },
        stages: stages.map((stage) => ({
          ...stage,
          // Pictures of 512 pixels have nothing that needs more than 756.
          asked: {},
          settings: {
            ...stage.settings,
            ...{ steps: 1, schedule: common.schedule },
            selection: { ...stage.settings.selection, budget: 100 },
          },
        })),
      }
      const records: RunRecord[] = []
      const onRecord = (record: RunRecord) => records.push(record)
      let folder = ''
      await expectNoLeak(async () => {
        folder = await trainStages(recipe, from, join(directory, 'run'), { onRecord })
      })
      const losses = records.flatMap(({ scalars }) => scalars['loss/answer'] ?? [])
      expect(losses).toHaveLength(stages.length)
      // What is done is not done again.
      expect(await trainStages(recipe, from, join(directory, 'run'), { onRecord })).toBe(folder)
      expect(records.flatMap(({ scalars }) => scalars['loss/answer'] ?? [])).toEqual(losses)
      // Of 464 tokens any is as likely: ln 464 = 6.1.
      for (const loss of losses) expect(Math.abs(loss - Math.log(464))).toBeLessThan(1)
      const assistant = await loadVilaHd(folder)
      const rows = await measure(assistant, { pictures: 1, seed: 3, maxTokens: 2 })
      expect(rows.map(({ name }) => name)).toEqual([
        'low resolution only',
        '1 % of the patches',
        '2 % of the patches',
        '5 % of the patches',
      ])
      const total = ({ counts }: (typeof rows)[number]) =>
        Object.values(counts).reduce((sum, n) => sum + n, 0)
      for (const row of rows) expect(total(row)).toBe(row.samples)
      expect(asMarkdown(rows).split('\n')).toHaveLength(6)
      assistant.dispose()
    }),
  240_000,
)
