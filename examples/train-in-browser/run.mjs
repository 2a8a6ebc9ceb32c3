// One run: the toy's training, which can be stopped after any step and go on, and what it tells while it trains.
import { memory, TensorScope, useBackend } from '@ps3js/tensor'
import { PretrainTask, Trainer, train } from '@ps3js/trainer'
import { buildToy, evaluationSamples, exampleSamples, toyConfig, trainingSamples } from './toy.mjs'

/** Questions whose answers are drawn, and steps between drawings. */
const [EXAMPLES, MAPS_EVERY] = [3, 5]

/**
 * @param settings `backend`, `size` ('toy' or 'small'), `captions` per step, `steps`
 * @param wasmPaths the folder of the WebAssembly files
 * @param tell is given messages: plain objects by their `type`
 * @returns trains to the end or until the signal aborts; called again, it goes on
 */
export async function openRun(settings, wasmPaths, tell) {
  const { describe } = await useBackend(settings.backend, { wasmPaths })
  const config = toyConfig(settings)
  const model = buildToy(config)
  const task = new PretrainTask(model, config, evaluationSamples(config))
  const trainer = new Trainer(withoutFlops(task), config)
  const examples = await exampleSamples(config, EXAMPLES)
  tell({ type: 'ready', describe, lastStep: config.steps, examples })
  tell({ type: 'maps', maps: await mapsOf(model, examples) })
  let position
  const sink = {
    async record({ step, scalars }) {
      if ('loss/total' in scalars) {
        tell({
          type: 'step',
          step,
          loss: scalars['loss/total'],
          secondsPerStep: scalars['speed/secondsPerStep'],
          tensors: memory().numTensors,
        })
        if (step % MAPS_EVERY === 0) tell({ type: 'maps', maps: await mapsOf(model, examples) })
      } else tell({ type: 'evaluation', step, ...found(scalars) })
    },
    async checkpoint(reached) {
      position = reached
    },
  }
  return (signal) => train({ trainer, config, samples: trainingSamples(config), sink, position, signal })
}

/** The task without its count of operations: to measure the peak that they are a share of costs a software GPU a minute. */
const withoutFlops = (task) => ({
  groups: task.groups,
  collate: (samples) => task.collate(samples),
  async step(batch) {
    const step = await task.step(batch)
    return { ...step, work: { ...step.work, flops: undefined } }
  },
  settle: () => task.settle(),
  evaluate: task.evaluate,
})

/** Where the model looks in each example's picture, without and with the caption: `{ bottomUp, topDown }`. */
async function mapsOf({ encoder, tokenizer }, examples) {
  using scope = new TensorScope()
  const { prompt } = scope.track(
    encoder.text_model.forward(tokenizer.encode(examples.map((one) => one.caption))),
  )
  const view = scope.track(await encoder.lowRes(examples.map(({ image }) => image)))
  const { bottomUp, topDown } = await view.probabilities(prompt)
  return examples.map((_, i) => ({ bottomUp: bottomUp[i], topDown: topDown[i] }))
}

/** Share of the asked-for box among 5 % of the patches, by how they are chosen. */
const found = (scalars) =>
  Object.fromEntries(
    ['topDown', 'bottomUp', 'random'].map((by) => [by, scalars[`evaluation/selection/${by}@5%`]]),
  )
