// How well a model answers questions that it was not trained on, and whether it looks where they ask it to.

import { generate } from '@ps3js/language-model'
import { selectBoxes } from '@ps3js/patch-selector'
import { InvalidArgumentError, Random, TensorScope, tidy } from '@ps3js/tensor'
import { buildSequence, type PictureAssistant, type VilaHd } from '@ps3js/vila-hd'
import { inBatches } from '../evaluate/in-batches.ts'
import { boxRecall } from '../evaluate/selection-recall.ts'
import { percent } from '../evaluate/summary.ts'
import { type QuestionForward, type QuestionForwardOptions, questionForward } from './forward.ts'
import { type QuestionBatch, type QuestionSample, type Speller, spellQuestion } from './rows.ts'

export interface EvaluateAnswersOptions extends QuestionForwardOptions {
  /** Questions at a time. Default 8. */
  batch?: number
  /** Most tokens of an answer. Default 16. */
  maxTokens?: number
  /** Shares of the patches at which the recall of what is asked for is measured. Default .01, .02, .05. */
  budgets?: readonly number[]
  signal?: AbortSignal | undefined
}

export interface AnswerEvaluation {
  samples: number
  /** Share of answers that are exactly right, but for case and spaces around: of all, by kind, by needed resolution. */
  accuracy: { all: number; byKind: Record<string, number>; byResolution: Record<string, number> }
  /** Mean share of the asked-for boxes' patches among a share of all; null where no sample has boxes or nothing is chosen. */
  recall: { budgets: readonly number[]; values: number[] } | null
}

/**
 * Answers greedily, as `PictureReader` does with the same patches.
 * @throws InvalidArgumentError when there is no sample
 */
export async function evaluateAnswers(
  assistant: Pick<PictureAssistant, 'model' | 'tokenizer' | 'stopIds'>,
  samples: AsyncIterable<QuestionSample>,
  options: EvaluateAnswersOptions,
): Promise<AnswerEvaluation> {
  const { batch: size = 8, budgets = [0.01, 0.02, 0.05], signal } = options
  const speller = spellerOf(assistant)
  const all = new Share()
  const byKind = new Map<string, Share>()
  const byResolution = new Map<string, Share>()
  const recalls = budgets.map(() => new Share())
  for await (const some of inBatches(samples, size)) {
    signal?.throwIfAborted()
    const batch = { samples: some, ids: some.map((sample) => spellQuestion(sample, speller)) }
    using scope = new TensorScope()
    const forward = scope.track(
      await questionForward(assistant.model, batch, options, {
        record: (body) => tidy(body),
        needsMaps: options.selection.mode !== 'none',
        random: new Random(0),
      }),
    )
    const answers = await answersOf(assistant, batch, forward, options)
    some.forEach((sample, i) => {
      const isRight = Number(plain(answers[i]!) === plain(sample.answer))
      all.add(isRight)
      shareOf(byKind, sample.kind).add(isRight)
      if (sample.minResolution !== undefined) shareOf(byResolution, `${sample.minResolution}`).add(isRight)
      if (sample.boxes.length === 0 || !forward.maps) return
      const asked = selectBoxes(sample.boxes, sample.image, forward.grids)
      budgets.forEach((budget, k) => {
        recalls[k]!.add(boxRecall(forward.maps![i]!, asked, forward.grids, budget))
      })
    })
  }
  if (all.count === 0) {
    throw new InvalidArgumentError('there is no question to evaluate on; check what the shards hold')
  }
  return {
    samples: all.count,
    accuracy: { all: all.mean, byKind: means(byKind), byResolution: means(byResolution) },
    recall: recalls.some(({ count }) => count > 0) ? { budgets, values: recalls.map((r) => r.mean) } : null,
  }
}

/** As names and numbers, for logs: `accuracy/all`, `accuracy/KIND`, `needs/3780`, `recall@2%`. */
export function answerScalars({ accuracy, recall }: AnswerEvaluation): Record<string, number> {
  const named = (prefix: string, values: Record<string, number>) =>
    Object.entries(values).map(([name, value]): [string, number] => [`${prefix}/${name}`, value])
  return {
    'accuracy/all': accuracy.all,
    ...Object.fromEntries(named('accuracy', accuracy.byKind)),
    ...Object.fromEntries(named('needs', accuracy.byResolution)),
    ...Object.fromEntries(
      recall?.budgets.map((budget, i) => [`recall@${percent(budget)}`, recall.values[i]!]) ?? [],
    ),
  }
}

/** What spells questions to an assistant. */
export const spellerOf = ({
  model: { config },
  tokenizer,
  stopIds,
}: Pick<PictureAssistant, 'model' | 'tokenizer' | 'stopIds'>): Speller => ({
  tokenizer,
  stopIds,
  imageTokenId: config.imageTokenId,
  promptEndIds: config.promptEndIds,
})

async function answersOf(
  { model, tokenizer, stopIds }: Pick<PictureAssistant, 'model' | 'tokenizer' | 'stopIds'>,
  { ids }: QuestionBatch,
  { pictures }: QuestionForward,
  { maxTokens = 16, signal }: EvaluateAnswersOptions,
): Promise<string[]> {
  using scope = new TensorScope()
  const parts = ids.map(({ prompt }, i) => ({
    prompt: scope.run(() => model.embedSequence(segmentsOf(model, prompt), [pictures[i]!])),
  }))
  const told = ids.map((): number[] => [])
  const tokens = generate(model.llm, parts, { maxTokens, stopIds, ...(signal && { signal }) })
  for await (const { sequence, id } of tokens) if (!stopIds.includes(id)) told[sequence]!.push(id)
  return told.map((answer) => tokenizer.decode(answer))
}

/** A question's one picture and its text. */
const segmentsOf = ({ config: { imageTokenId } }: VilaHd, ids: readonly number[]) =>
  buildSequence(ids, { imageTokenId, pictures: 1 })

const plain = (answer: string): string => answer.trim().toLowerCase()

class Share {
  count = 0
  #sum = 0

  add(value: number): void {
    this.count++
    this.#sum += value
  }

  get mean(): number {
    return this.#sum / this.count
  }
}

function shareOf(shares: Map<string, Share>, name: string): Share {
  const share = shares.get(name) ?? new Share()
  shares.set(name, share)
  return share
}

const means = (shares: Map<string, Share>): Record<string, number> =>
  Object.fromEntries(
    [...shares].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, share]) => [name, share.mean]),
  )
