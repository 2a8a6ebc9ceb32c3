// Questions from shards: to train on, shuffled for ever; to evaluate on, all of every picture, in order.

import {
  openShards,
  type RawSample,
  rawSamples,
  type SampleQuestion,
  type ShardPlace,
  type SkippedSample,
  shuffledEpoch,
} from '@ps3js/data-pipeline'
import type { Box } from '@ps3js/patch-selector'
import { decodeImage, type ImageProcessor, type RgbImage } from '@ps3js/ps3-encoder'
import { ImageError, Random, ResourceError } from '@ps3js/tensor'
import { PICTURE_TAG } from '@ps3js/vila-hd'
import type { FineTuneConfig } from '../../finetune/config.ts'
import { pasteQuestions } from '../../finetune/paste.ts'
import type { QuestionSample } from '../../finetune/rows.ts'
import type { SampleSource } from '../../run/samples.ts'

interface QuestionOptions {
  shards: string
  /** Brings pictures to the model's size, which is square. */
  processor: ImageProcessor
  /** A picture or a question that cannot be used. */
  onSkip?: ((skipped: Omit<SkippedSample, 'shard'>) => void) | undefined
}

export interface ShardEvaluationQuestionOptions extends QuestionOptions {
  kinds?: readonly string[] | undefined
  /** Questions taken from the start. */
  limit: number
  signal?: AbortSignal | undefined
}

/** Reads the first questions of shards. Throws ResourceError. */
export async function* shardEvaluationQuestions({
  shards,
  processor,
  kinds,
  limit,
  onSkip,
  signal,
}: ShardEvaluationQuestionOptions): AsyncGenerator<QuestionSample> {
  let count = 0
  for await (const raw of rawSamples(openShards(shards), { onSkip, ...(signal && { signal }) })) {
    const questions = askedOf(raw, kinds, onSkip)
    if (questions.length === 0) continue
    const decoded = await decode(raw, onSkip, signal)
    if (!decoded) continue
    for (const sample of atModelSize(decoded, questions, processor)) {
      yield sample
      if (++count >= limit) return
    }
  }
}

type ShardQuestionOptions = NonNullable<FineTuneConfig['data']> & QuestionOptions & { seed: number }

/** Where a stream of questions stands; JSON. */
interface Position {
  epoch: number
  /** Where this epoch's order goes on, at the picture whose questions come next; null at its start. */
  place: ShardPlace | null
  /** Pictures of this epoch before it: numbers its own generator. */
  pictures: number
  /** Questions of that picture that were given already. */
  given: number
}

/** Questions for training, epoch after epoch: some of each picture, one after the other. */
export function shardQuestions(options: ShardQuestionOptions): SampleSource<QuestionSample> {
  const { shards, seed, shuffle, maxSkipped, onSkip } = options
  return {
    async *open(from, signal) {
      const source = openShards(shards)
      let position = (from as Position | null) ?? { epoch: 0, place: null, pictures: 0, given: 0 }
      for (let usable = true; usable; ) {
        usable = position.place !== null
        const { epoch } = position
        let [skipped, pictures] = [0, position.pictures]
        let place = position.place
        const order = shuffledEpoch(source, { seed, epoch, shuffle, from: place ?? undefined, signal })
        for await (const { item, next } of order) {
          const here: Position = { epoch, place, pictures, given: 0 }
          const samples = item.sample ? await questionsOf(item.sample, here, options, signal) : null
          if (!samples) {
            if (item.problem) onSkip?.({ key: item.key, reason: item.problem })
            if (++skipped > maxSkipped) throw tooMany(shards, skipped, maxSkipped)
          }
          const start = pictures === position.pictures ? position.given : 0
          place = next
          pictures++
          const after: Position = { epoch, place, pictures, given: 0 }
          for (const [i, sample] of (samples ?? []).entries()) {
            usable = true
            if (i < start) continue
            yield { sample, state: i + 1 < samples!.length ? { ...here, given: i + 1 } : after }
          }
        }
        position = { epoch: epoch + 1, place: null, pictures: 0, given: 0 }
      }
      throw new ResourceError(
        `${shards} holds no question that can be used; check data.shards and data.kinds`,
      )
    },
  }
}

const tooMany = (shards: string, skipped: number, most: number) =>
  new ResourceError(`${skipped} pictures of ${shards} were unusable, more than data.maxSkipped ${most}`)

/** Some of a picture's questions, drawn by its place in the data; none where it has none, null where it cannot be used. */
async function questionsOf(
  raw: RawSample,
  { epoch, pictures }: Position,
  { seed, kinds, questionsPerPicture, pasted, processor, onSkip }: ShardQuestionOptions,
  signal: AbortSignal,
): Promise<QuestionSample[] | null> {
  const asked = askedOf(raw, kinds, onSkip)
  if (asked.length === 0) return []
  const random = new Random(new Random(new Random(seed).uint32() + epoch).uint32() + pictures)
  const taken = random.shuffle([...asked]).slice(0, questionsPerPicture)
  const decoded = await decode(raw, onSkip, signal)
  if (!decoded) return null
  if (random.uniform() >= pasted) return atModelSize(decoded, taken, processor)
  const samples = taken.map((question) => sampleOf(question, decoded, 1, 1))
  return pasteQuestions(decoded, samples, processor.imageSize.width, random)
}

function askedOf(
  { key, record }: RawSample,
  kinds: readonly string[] | undefined,
  onSkip: QuestionOptions['onSkip'],
): SampleQuestion[] {
  const wanted = (record.questions ?? []).filter(({ kind = '' }) => !kinds || kinds.includes(kind))
  return wanted.filter(({ question, answer }) => {
    if (!`${question}${answer}`.includes(PICTURE_TAG)) return true
    onSkip?.({ key, reason: `a question or its answer holds ${PICTURE_TAG}: ${question}` })
    return false
  })
}

async function decode(
  { key, picture }: RawSample,
  onSkip: QuestionOptions['onSkip'],
  signal: AbortSignal | undefined,
): Promise<RgbImage | null> {
  try {
    return await decodeImage(picture, { ...(signal && { signal }) })
  } catch (error) {
    if (!(error instanceof ImageError)) throw error
    onSkip?.({ key, reason: error.message })
    return null
  }
}

function atModelSize(
  decoded: RgbImage,
  questions: readonly SampleQuestion[],
  processor: ImageProcessor,
): QuestionSample[] {
  const image = processor.process(decoded)
  const [x, y] = [image.width / decoded.width, image.height / decoded.height]
  return questions.map((question) => sampleOf(question, image, x, y))
}

function sampleOf(
  { question, answer, kind = 'any', boxes, around, distractors = [], minResolution }: SampleQuestion,
  image: RgbImage,
  x: number,
  y: number,
): QuestionSample {
  const inside = (some: number[][]): Box[] =>
    some
      .map(
        ([x1, y1, x2, y2]): Box => [
          Math.max(x1! * x, 0),
          Math.max(y1! * y, 0),
          Math.min(x2! * x, image.width),
          Math.min(y2! * y, image.height),
        ],
      )
      .filter(([x1, y1, x2, y2]) => x1 < x2 && y1 < y2)
  return {
    image,
    question,
    answer,
    kind,
    boxes: inside(boxes),
    around: around && inside(around),
    distractors: inside(distractors),
    minResolution,
  }
}
