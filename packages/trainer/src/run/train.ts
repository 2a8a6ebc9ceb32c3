// The training loop: data, steps, records, evaluations and checkpoints in one order that does not depend on how often the
// run was interrupted. It runs wherever the model runs; where records and checkpoints go is the sink's business.

import type { RgbImage } from '@ps3js/ps3-encoder'
import { ConfigError } from '@ps3js/tensor'
import { Speedometer } from '../log/speedometer.ts'
import { type RunConfig, totalSteps } from './run-config.ts'
import { batchesOf, type PlacedSamples, type SampleSource, type SourceState } from './samples.ts'
import type { StepReport, Trainer } from './trainer.ts'

/** Where a run stands, besides the model and the moments. Small JSON. */
export interface RunPosition {
  step: number
  data: SourceState
  /** The last step that was evaluated; 0 for none. */
  evaluated: number
  best: { step: number; value: number } | null
}

/** Numbers of one step by name, such as `loss/total`, and pictures. */
export interface RunRecord {
  step: number
  scalars: Record<string, number>
  images: Record<string, RgbImage>
}

/** Where a run writes to. */
export interface RunSink {
  record(record: RunRecord): Promise<void>
  /** Writes down everything, so that a run can go on from here. */
  checkpoint(position: RunPosition): Promise<void>
}

export interface TrainOptions<Sample, Batch> {
  trainer: Trainer<Sample, Batch>
  config: RunConfig
  samples: SampleSource<Sample>
  sink: RunSink
  /** Where a resumed run stands. */
  position?: RunPosition
  /** Aborting ends the run after the current step, with a checkpoint. */
  signal?: AbortSignal
  onStep?: (report: StepReport) => void
}

/** Trains to the last step, and returns where the run stands. Rejects with the signal's reason when it was aborted. */
export async function train<Sample, Batch>(options: TrainOptions<Sample, Batch>): Promise<RunPosition> {
  const { config, samples, sink, signal } = options
  const run = new Run(options)
  const closing = new AbortController()
  const batches = batchesOf(samples.open(run.position.data, closing.signal), config.batch)
  let next: Promise<IteratorResult<PlacedSamples<Sample>>> | undefined
  let saved = run.position.step
  try {
    for (;;) {
      const improved = await run.evaluateWhenDue()
      const { step } = run.position
      const isDue = improved || step % config.checkpoint.every === 0 || step === run.lastStep
      if ((isDue || signal?.aborted) && step > 0 && (step !== saved || improved)) {
        await sink.checkpoint(run.position)
        saved = step
      }
      signal?.throwIfAborted()
      if (step >= run.lastStep) return run.position
      next ??= batches.next()
      const { value } = await unlessAborted(next, signal)
      if (!value) continue
      // The next batch is read and decoded while this one is computed.
      next = batches.next()
      next.catch(() => {})
      await run.step(value)
    }
  } finally {
    closing.abort()
    await next?.catch(() => {})
    await batches.return(undefined as never).catch(() => {})
  }
}

/** What happens at a step, and what is remembered between steps. */
class Run<Sample, Batch> {
  readonly lastStep: number
  position: RunPosition
  readonly #options: TrainOptions<Sample, Batch>
  readonly #speed = new Speedometer()

  constructor(options: TrainOptions<Sample, Batch>) {
    const { config, position } = options
    this.lastStep = totalSteps(config)
    this.position = position ?? { step: 0, data: null, evaluated: 0, best: null }
    this.#options = options
  }

  async step({ samples, state }: PlacedSamples<Sample>): Promise<void> {
    const { trainer, config, sink, onStep } = this.#options
    this.#speed.start()
    const report = await trainer.train(samples)
    const speed = await this.#speed.stop(report)
    const { step } = report
    this.position = { ...this.position, step, data: state }
    onStep?.(report)
    const { task } = trainer
    const drawsImages = config.log.imagesEvery > 0 && step % config.log.imagesEvery === 0
    if (step % config.log.every !== 0 && step !== this.lastStep && !drawsImages) return
    await sink.record({
      step,
      scalars: { ...stepScalars(report), ...speed },
      images: (drawsImages && (await task.pictures?.(task.collate(samples)))) || {},
    })
  }

  /** Whether a step was evaluated just now and is the best so far. */
  async evaluateWhenDue(): Promise<boolean> {
    const { trainer, config, sink, signal } = this.#options
    const { task } = trainer
    const { step, evaluated } = this.position
    const isDue = step % config.evaluation.every === 0 || step === this.lastStep
    if (!task.evaluate || !isDue || step === 0 || evaluated === step || signal?.aborted) return false
    let scalars: Record<string, number>
    try {
      scalars = await task.evaluate(signal)
    } catch (error) {
      // The run ends with a checkpoint before this evaluation, and begins with it again.
      if (signal?.aborted) return false
      throw error
    }
    const named = Object.entries(scalars).map(([name, value]): [string, number] => [
      `evaluation/${name}`,
      value,
    ])
    await sink.record({ step, scalars: Object.fromEntries(named), images: {} })
    const value = bestValue(scalars, config.checkpoint.best)
    const { best } = this.position
    const isBest = best === null || value > best.value
    this.position = { ...this.position, evaluated: step, best: isBest ? { step, value } : best }
    return isBest
  }
}

function stepScalars({ losses, learningRate, gradientNorm }: StepReport): Record<string, number> {
  const { total, ...parts } = losses
  const named = Object.entries(parts).map(([name, value]): [string, number] => [`loss/${name}`, value])
  return {
    'loss/total': total,
    ...Object.fromEntries(named),
    'optimizer/learningRate': learningRate,
    'optimizer/gradientNorm': gradientNorm,
  }
}

function bestValue(scalars: Record<string, number>, metric: string): number {
  const value = scalars[metric]
  if (value !== undefined) return value
  throw new ConfigError(
    `checkpoint.best is "${metric}", which the evaluation does not measure; there are ${Object.keys(scalars).join(', ')}`,
  )
}

/** The promise's result; one without a value as soon as the signal aborts. */
async function unlessAborted<T>(
  next: Promise<IteratorResult<T>>,
  signal: AbortSignal | undefined,
): Promise<{ value?: T }> {
  if (!signal) return next
  let stop: () => void = () => {}
  const aborted = new Promise<{ value?: T }>((resolve) => {
    stop = () => resolve({})
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([next, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
