// Fine-tuning of VILA-HD as the loop's task.

import { LoraAdapters } from '@ps3js/language-model'
import { ConfigError, type Parameter, Random } from '@ps3js/tensor'
import type { PictureAssistant, VilaHd } from '@ps3js/vila-hd'
import { groupParameters, type ParameterGroup } from '../optim/groups.ts'
import type { TaskStep, TrainingTask } from '../run/task.ts'
import type { FineTuneConfig } from './config.ts'
import { answerScalars, evaluateAnswers, spellerOf } from './evaluate.ts'
import { type QuestionBatch, type QuestionSample, type Speller, spellQuestion } from './rows.ts'
import { type FineTuneOptions, fineTuneStep } from './step.ts'

export class FineTuneTask implements TrainingTask<QuestionSample, QuestionBatch> {
  readonly assistant: PictureAssistant
  readonly groups: ParameterGroup[]
  readonly evaluate?: (signal: AbortSignal | undefined) => Promise<Record<string, number>>
  readonly #config: FineTuneConfig
  readonly #speller: Speller
  readonly #options: FineTuneOptions

  /**
   * The assistant's model has values and stays the caller's. Throws InvalidArgumentError for settings that do not fit it.
   *
   * @param evaluationSamples the questions to evaluate on, from their start; without it nothing is evaluated
   */
  constructor(
    assistant: PictureAssistant,
    config: FineTuneConfig,
    evaluationSamples?: () => AsyncIterable<QuestionSample>,
  ) {
    const { selection, prompt, loss, batch, accumulation } = config
    this.assistant = assistant
    this.#config = config
    this.#speller = spellerOf(assistant)
    this.groups = parameterGroupsOf(assistant, config)
    this.#options = {
      selection,
      prompt,
      loss,
      microBatch: batch / accumulation,
      parameters: new Map(this.groups.flatMap((group) => [...group.parameters])),
    }
    if (evaluationSamples) this.evaluate = (signal) => this.#evaluate(evaluationSamples(), signal)
  }

  collate(samples: readonly QuestionSample[]): QuestionBatch {
    return { samples, ids: samples.map((sample) => spellQuestion(sample, this.#speller)) }
  }

  async step(batch: QuestionBatch, step: number): Promise<TaskStep> {
    // A step's own generator: what it draws does not depend on where the run was interrupted.
    const random = new Random(this.#config.seed + step)
    const { model } = this.assistant
    const { losses, gradients, rows } = await fineTuneStep(model, batch, { ...this.#options, random })
    const images = new Set(batch.samples.map(({ image }) => image)).size
    return { losses: { ...losses }, gradients, work: { images, tokens: rows } }
  }

  async #evaluate(
    samples: AsyncIterable<QuestionSample>,
    signal: AbortSignal | undefined,
  ): Promise<Record<string, number>> {
    const { evaluation, selection, prompt, batch, accumulation } = this.#config
    const { mode, budgets, maxTokens } = evaluation
    const options = { batch: batch / accumulation, budgets, maxTokens, prompt, signal }
    return answerScalars(
      await evaluateAnswers(this.assistant, samples, { ...options, selection: { ...selection, mode } }),
    )
  }
}

/** All trainable parameters, each part at its own rate. */
function parameterGroupsOf(
  { model }: PictureAssistant,
  { optimizer, freeze, lora }: FineTuneConfig,
): ParameterGroup[] {
  const { learningRate, visionTower, connector, promptHead, languageModel, weightDecay } = optimizer
  const rates: [prefix: string, rate: number | undefined][] = [
    ['vision_tower.', visionTower],
    ['mm_projector.top_down_prompt_head.', promptHead],
    ['mm_projector.', connector],
    ['llm.', languageModel],
  ]
  const rateOf = (path: string) => rates.find(([prefix]) => path.startsWith(prefix))?.[1] ?? learningRate
  const groups = groupParameters(lora ? withAdapters(model) : model.namedParameters(), {
    freeze,
    weightDecay: (path, parameter) => (decays(path, parameter) ? weightDecay : 0),
    rateFactor: (path) => rateOf(path) / learningRate,
  })
  const learns = groups.some(({ parameters }) =>
    [...parameters.keys()].some((path) => path.startsWith('llm.')),
  )
  if (lora && !learns) {
    throw new ConfigError(
      'freeze names every adapter: leave out "llm.*", whose own weights stay anyway, or lora',
    )
  }
  return groups
}

/** All but the language model's own weights, whose place its adapters take. */
function* withAdapters(model: VilaHd): Generator<[string, Parameter]> {
  for (const entry of model.namedParameters()) if (!entry[0].startsWith('llm.')) yield entry
  yield* LoraAdapters.of(model.llm).namedParameters('llm.')
}

/** Matrices and tables shrink; vectors, norms and biases do not. */
const decays = (path: string, { shape }: Parameter): boolean => shape.length >= 2 && !/norm|bias/.test(path)
