// Forced patches, pasted pictures, and questions read from shards in an order that interruptions do not change.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ShardWriter } from '@ps3js/data-pipeline'
import { ImageProcessor } from '@ps3js/ps3-encoder'
import { Random, ResourceError, useBackend } from '@ps3js/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { shardEvaluationQuestions, shardQuestions } from '#platform'
import { encodePng } from '../log/png.ts'
import { spellerOf } from './evaluate.ts'
import { forcedSelection } from './forced-selection.ts'
import { pasteQuestions } from './paste.ts'
import { labelsOf, type QuestionSample, spellQuestion } from './rows.ts'
import { drawQuestions, SIZE, tinyAssistant, tinyVision } from './tiny-assistant.fixture.ts'

const processor = new ImageProcessor(tinyVision.preprocessor)
let directory: string
let shards: string

beforeAll(async () => {
  await useBackend('wasm')
  directory = await mkdtemp(join(tmpdir(), 'ps3-questions-'))
  const writer = await ShardWriter.open(directory, { layout: 'single', maxSamples: 4 })
  const random = new Random(6)
  for (let i = 0; i < 10; i++) {
    const rows = drawQuestions(random)
    const { width, height, data } = rows[0]!.image
    const questions = rows.map(({ question, answer, boxes, distractors }, k) => ({
      ...{ question, answer, kind: k === 0 ? 'left' : 'right', minResolution: 32 },
      ...{ boxes: boxes.map((box) => [...box]), distractors: distractors.map((box) => [...box]) },
    }))
    const record = { global_text: 'squares', ...(i === 3 ? {} : { questions }) }
    await writer.add({ key: `s${i}`, picture: encodePng(width, height, data as Uint8Array), record })
  }
  const { shards: written } = await writer.finish()
  shards = `${directory}/{${written.flatMap(({ files }) => files.map(({ name }) => name)).join(',')}}`
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const settings = { questionsPerPicture: 2, pasted: 0.3, shuffle: 4, maxSkipped: 3, seed: 2, processor }

async function read(count: number, from: unknown = null, more: object = {}) {
  const found: { sample: QuestionSample; state: unknown }[] = []
  const { signal } = new AbortController()
  for await (const placed of shardQuestions({ shards, ...settings, ...more }).open(from, signal)) {
    found.push({ ...placed, state: JSON.parse(JSON.stringify(placed.state)) })
    if (found.length === count) break
  }
  return found
}

describe('questions from shards', () => {
  it('leave out those that hold a picture tag, and tell', async () => {
    const folder = join(directory, 'tags')
    const writer = await ShardWriter.open(folder, { layout: 'single' })
    const [one] = drawQuestions(new Random(3))
    const { width, height, data } = one!.image
    const row = { boxes: [], distractors: [] }
    const questions = [
      { ...row, question: 'what is <image>?', answer: 'red' },
      { ...row, question: 'which?', answer: '<image>' },
      { ...row, question: 'and this?', answer: 'blue' },
    ]
    const record = { global_text: 'squares', questions }
    await writer.add({ key: 's', picture: encodePng(width, height, data as Uint8Array), record })
    await writer.finish()
    const reasons: string[] = []
    const onSkip = ({ reason }: { reason: string }) => reasons.push(reason)
    const source = { shards: `${folder}/samples-000000.tar`, processor, limit: 9, onSkip }
    const found = []
    for await (const { question } of shardEvaluationQuestions(source)) found.push(question)
    expect(found).toEqual(['and this?'])
    expect(reasons).toEqual([
      'a question or its answer holds <image>: what is <image>?',
      'a question or its answer holds <image>: which?',
    ])
  })

  it('come in one order, taken up after any of them', async () => {
    // Nine pictures with two questions each: more than an epoch.
    const whole = await read(24)
    const told = (rows: typeof whole) =>
      rows.map(({ sample }) => ({ ...sample, image: sample.image.data.slice(0, 200) }))
    expect(
      new Set(whole.slice(0, 18).map(({ sample }) => `${sample.question}${sample.image.data.slice(0, 30)}`))
        .size,
    ).toBe(18)
    expect(whole[0]!.sample.image).toBe(whole[1]!.sample.image)
    for (const at of [1, 2, 7, 17, 18, 19]) {
      const rest = await read(24 - at, whole[at - 1]!.state)
      expect(told(rest), `after ${at}`).toEqual(told(whole.slice(at)))
    }
  })

  it('of certain kinds, all of them for evaluation; none at all is an error', async () => {
    const left = await read(9, null, { kinds: ['left'] })
    expect(new Set(left.map(({ sample }) => sample.kind))).toEqual(new Set(['left']))
    await expect(read(1, null, { kinds: ['above'] })).rejects.toThrow(ResourceError)
    const evaluated: QuestionSample[] = []
    for await (const sample of shardEvaluationQuestions({ shards, processor, limit: 7 }))
      evaluated.push(sample)
    expect(evaluated.map(({ kind }) => kind)).toEqual([
      'left',
      'right',
      'left',
      'right',
      'left',
      'right',
      'left',
    ])
  })
})

describe('pasteQuestions', () => {
  it('moves boxes with the picture', () => {
    const rows = drawQuestions(new Random(3))
    const pasted = pasteQuestions(rows[0]!.image, rows, 200, new Random(1))
    const { image, boxes, distractors } = pasted[0]!
    expect([image.width, image.height]).toEqual([200, 200])
    const [x, y] = boxes[0]!
    const [x0, y0] = rows[0]!.boxes[0]!
    const at = (picture: QuestionSample['image'], column: number, row: number) => [
      ...picture.data.subarray((row * picture.width + column) * 3, (row * picture.width + column) * 3 + 3),
    ]
    expect(at(image, x + 2, y + 2)).toEqual(at(rows[0]!.image, x0 + 2, y0 + 2))
    expect(distractors[0]![0] - boxes[0]![0]).toBe(rows[0]!.distractors[0]![0] - x0)
    // A large one is made smaller; one without boxes is about the whole.
    const [whole] = pasteQuestions(rows[0]!.image, [{ ...rows[0]!, boxes: [] }], 100, new Random(1))
    const [left, top, right, bottom] = whole!.boxes[0]!
    expect([right - left, bottom - top]).toEqual([50, 50])
  })
})

describe('forcedSelection', () => {
  const grids = [8, 16].map((side) => ({ height: side, width: side }))
  const imageSize = { height: SIZE, width: SIZE }
  const boxes = [[20, 20, 25, 25] as const]

  it('takes whole blocks: the boxes, the others in turn, then the most probable', () => {
    const data = Float32Array.from({ length: 16 }, (_, i) => (i === 15 ? 0.9 : 0.1))
    const { indices } = forcedSelection({
      ...{ boxes, imageSize, grids, block: 2, others: [[[0, 0, 4, 4]]] },
      budget: [8, 12],
      probabilities: { height: 4, width: 4, data },
    })
    // Pixels 20 to 24: patch 2 to 3 of the coarse grid, one block; 5 to 6 of the fine one, two blocks a side.
    expect([...indices[0]!]).toEqual([0, 1, 8, 9, 18, 19, 26, 27])
    const fine = [...indices[1]!].map((patch) =>
      [Math.floor(patch / 32), Math.floor((patch % 16) / 2)].join(),
    )
    expect([...new Set(fine)]).toEqual(['2,2', '2,3', '3,2'])
  })

  it('takes what is nearest without probabilities, and no more than there is', () => {
    const { indices } = forcedSelection({
      ...{ boxes: [[0, 0, 8, 8]], imageSize, grids, block: 2, others: [] },
      budget: [4, 256],
    })
    expect([...indices[0]!]).toEqual([0, 1, 8, 9])
    expect(indices[1]).toHaveLength(256)
  })
})

describe('spellQuestion', () => {
  it('finds the question between picture and end, and what ends the answer', () => {
    const assistant = tinyAssistant()
    const { tokenizer } = assistant
    const [sample] = drawQuestions(new Random(1))
    const ids = spellQuestion(sample!, spellerOf(assistant))
    expect(tokenizer.decode(ids.prompt.slice(...ids.question))).toBe(sample!.question)
    expect(tokenizer.decode(ids.answer, { specialTokens: true })).toBe(`${sample!.answer}<|im_end|>`)
    expect(labelsOf(ids).filter((label) => label >= 0)).toEqual(ids.answer)
    assistant.dispose()
  })
})
