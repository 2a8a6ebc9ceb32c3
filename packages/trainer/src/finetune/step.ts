// One fine-tuning step's losses and gradients: next-token cross-entropy on the answers, and cross-entropy and dice of where
// the questions look (token_selection_loss of NVlabs/VILA's LLaVATopDownTrainer), for a batch in parts.

import { binaryCrossEntropyAndDice, boxSupervisionLoss } from '@ps3js/contrastive-loss'
import { contextLength, nextTokenLoss, type SequencePart } from '@ps3js/language-model'
import { boxPatchMaps, type GridSize, type PatchSelection } from '@ps3js/patch-selector'
import {
  add,
  addN,
  InvalidArgumentError,
  mul,
  type Parameter,
  Random,
  stack,
  Tape,
  type Tensor,
  TensorScope,
  tensor3d,
  tensorData,
} from '@ps3js/tensor'
import type { VilaHd } from '@ps3js/vila-hd'
import { type QuestionForwardOptions, questionForward } from './forward.ts'
import { packQuestions } from './packed-questions.ts'
import { labelsOf, type QuestionBatch, type QuestionSample, regionOf, sliceQuestions } from './rows.ts'

export interface FineTuneOptions extends QuestionForwardOptions {
  /** Weights of the answers' loss and of the one of where to look. */
  loss: { answer: number; selection: number }
  /** Samples computed at a time, with the same gradient. Default: all. */
  microBatch?: number
  /** What to differentiate by, by property path. Default: every parameter of the model. */
  parameters?: ReadonlyMap<string, Parameter>
  /** Decides how many patches, and which distractors, are taken. Default: a generator of seed 0. */
  random?: Random
}

export interface FineTuneStep {
  /** Each loss before its weight (0 where the weight is 0); the total after. */
  losses: { total: number; answer: number; selection: number }
  /** By property path; a parameter that the losses do not depend on has none. Yours to dispose. */
  gradients: Map<string, Tensor>
  /** Rows that the language model read in its last pass. */
  rows: number
  /** The patches taken, one entry per sample; null where none were. */
  selections: PatchSelection[] | null
}

/**
 * Losses and gradients of one batch; parameters stay as they are. The answers' loss is the mean over all their tokens, the
 * other the mean over the samples that have boxes.
 *
 * @throws InvalidArgumentError for an empty batch
 */
export async function fineTuneStep(
  model: VilaHd,
  batch: QuestionBatch,
  options: FineTuneOptions,
): Promise<FineTuneStep> {
  const count = batch.samples.length
  if (count === 0) throw new InvalidArgumentError('a batch needs at least one question')
  const { microBatch = count, random = new Random(0) } = options
  const parameters = options.parameters ?? new Map(model.namedParameters())
  const totals = {
    tokens: batch.ids.reduce((sum, { answer }) => sum + answer.length, 0),
    boxed: batch.samples.filter(hasBoxes).length,
  }
  using scope = new TensorScope()
  const gradients = new Map<string, Tensor>()
  const parts: Tensor[] = []
  const selections: PatchSelection[] = []
  let rows = 0
  try {
    for (let start = 0; start < count; start += microBatch) {
      const part = sliceQuestions(batch, start, start + microBatch)
      const found = await partStep(model, part, { ...options, parameters, random }, totals)
      parts.push(scope.track(found.losses))
      selections.push(...(found.selections ?? []))
      rows += found.rows
      for (const [path, gradient] of found.gradients) {
        const before = gradients.get(path)
        gradients.set(path, before ? add(before, gradient) : gradient)
        if (before) for (const used of [before, gradient]) used.dispose()
      }
    }
    const { answer, selection } = options.loss
    const sum = scope.run(() => addN(parts))
    const [ofAnswers, ofSelection] = (await tensorData(sum)) as unknown as [number, number]
    const total = answer * ofAnswers + selection * ofSelection
    const losses = {
      total,
      answer: answer === 0 ? 0 : ofAnswers,
      selection: selection === 0 ? 0 : ofSelection,
    }
    return { losses, gradients, rows, selections: selections.length > 0 ? selections : null }
  } catch (error) {
    for (const gradient of gradients.values()) gradient.dispose()
    throw error
  }
}

type PartOptions = FineTuneOptions & { parameters: ReadonlyMap<string, Parameter>; random: Random }

/** A part's share of both losses, as one tensor [2], and of the gradients. */
async function partStep(
  model: VilaHd,
  batch: QuestionBatch,
  options: PartOptions,
  totals: { tokens: number; boxed: number },
) {
  const { loss, parameters, random } = options
  const tape = new Tape()
  using scope = new TensorScope()
  try {
    const boxed = batch.samples.filter(hasBoxes).length
    // Where the picture alone says where to look, no question learns it.
    const isAsked = model.config.lookMode === 'after-prompt'
    const supervised = isAsked && loss.selection > 0 && boxed > 0
    const forward = scope.track(
      await questionForward(model, batch, options, {
        record: (body) => tape.record(body),
        needsMaps: supervised,
        random,
      }),
    )
    const tokens = batch.ids.reduce((sum, { answer }) => sum + answer.length, 0)
    let rows = 0
    const answer = scope.track(
      tape.record(() => {
        const { pictures } = forward
        const texts = batch.ids.map((ids) => ({ ids: [...ids.prompt, ...ids.answer], labels: labelsOf(ids) }))
        const packed = packQuestions(model, texts, pictures)
        const { parts, labels } = packed
        rows = parts.reduce((sum, { length }) => sum + length, 0)
        requireRoom(model, batch, parts)
        const { last } = model.llm.forward(packed.rows, parts)
        return mul(nextTokenLoss(model.llm, last, labels), tokens / totals.tokens)
      }),
    )
    const selection = scope.track(
      tape.record(() =>
        supervised
          ? mul(selectionLoss(batch, forward.topDown!, forward.grids), boxed / totals.boxed)
          : mul(answer, 0),
      ),
    )
    const total = scope.track(
      tape.record(() => add(mul(answer, loss.answer), mul(selection, loss.selection))),
    )
    const entries = [...parameters]
    const found = tape.gradients(
      [{ y: total }],
      entries.map(([, { value }]) => value),
    )
    const gradients = new Map<string, Tensor>()
    entries.forEach(([path], i) => {
      const gradient = found[i]
      if (gradient) gradients.set(path, gradient)
    })
    return { losses: stack([answer, selection]), gradients, rows, selections: forward.selections }
  } finally {
    tape.dispose()
  }
}

/** Questions are the last parts, each behind the part that it goes on from. */
function requireRoom({ llm }: VilaHd, { samples }: QuestionBatch, parts: readonly SequencePart[]): void {
  const limit = contextLength(llm.config)
  for (const [i, { question }] of samples.entries()) {
    const { length, after } = parts[parts.length - samples.length + i]!
    const total = length + (after === undefined ? 0 : parts[after]!.length)
    if (total <= limit) continue
    throw new InvalidArgumentError(
      `with its picture and its answer, the question "${question}" takes ${total} of the language model's ${limit} positions: leave it out of the data, or take fewer patches`,
    )
  }
}

/** Cross-entropy and dice at the grid of every high scale, over the samples that have boxes. */
function selectionLoss({ samples }: QuestionBatch, topDown: Tensor, grids: readonly GridSize[]): Tensor {
  const maps = samples.map((sample) => boxPatchMaps(regionOf(sample), sample.image, grids))
  const targets = grids.map(({ height, width }, scale) => {
    const values = new Float32Array(samples.length * height * width)
    maps.forEach((map, i) => {
      values.set(map[scale]!, i * height * width)
    })
    return tensor3d(values, [samples.length, height, width])
  })
  return boxSupervisionLoss({
    probabilities: topDown,
    targets,
    isLocal: samples.map(hasBoxes),
    mapLoss: binaryCrossEntropyAndDice,
  })
}

const hasBoxes = ({ boxes }: QuestionSample): boolean => boxes.length > 0
