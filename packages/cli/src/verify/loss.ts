// Replays recorded losses: SigLIP and CLIP on one worker and on several, and PS3's with box supervision, with all
// gradients. Shapes: W workers, B samples, D feature width.

import {
  boxSupervisionLoss,
  type Collective,
  type ContrastiveFeatures,
  clipLoss,
  contrastiveGradients,
  regionTargets,
  runWorkers,
  sigLipLoss,
} from '@ps3js/contrastive-loss'
import {
  ConfigError,
  mul,
  type SafetensorsFile,
  scalar,
  Tape,
  type Tensor,
  TensorScope,
  tensor2d,
  tensorData,
  zeros,
} from '@ps3js/tensor'
import { departure } from './departures.ts'
import {
  implementationOf,
  type LossCase,
  type LossImplementation,
  type LossInputs,
  lossTolerance,
  readLossInputs,
} from './loss-records.ts'
import { type CaseReport, caseReport, compare, failed, type OutputReport } from './report.ts'
import { readRegions } from './selection-loss.ts'
import { type FixtureStore, readJson, readTensors, requireWhole } from './store.ts'
import { readTensor } from './vision-records.ts'

/** Values by their recorded names; those of several workers one after another. */
type Made = Record<string, Float32Array>

const INPUT =
  /^(image_features|text_features|logit_scale_log|logit_bias|gt_selection_maps|is_global_text|(bottomup|topdown)_probs\.\d+)$/

export async function replayLoss(store: FixtureStore): Promise<CaseReport[]> {
  const name = store.location.split('/').pop()!
  const recorded = await readJson<LossCase>(store, 'case.json')
  const tensors = await readTensors(store, 'tensors.safetensors')
  requireWhole(recorded, tensors)
  const implementation = implementationOf(recorded)
  const inputs = await readLossInputs(tensors)
  const made = await contrastivePart(implementation, inputs)
  if (recorded.weights) Object.assign(made, await boxPart(made, recorded, tensors))

  const outputs: OutputReport[] = []
  for (const output of tensors.names().filter((one) => !INPUT.test(one))) {
    const got = made[output]
    if (!got) {
      outputs.push(failed(output, 'this tool does not know how to make this output'))
      continue
    }
    const { unit, tolerance } = await lossTolerance(output, implementation, inputs, tensors)
    const inUnits = (values: Float32Array) => Array.from(values, (value, i) => value / unit(i))
    outputs.push(compare(output, inUnits(got), inUnits(await tensors.readFloat32(output)), tolerance))
  }
  const departing = departure('loss', recorded)
  const excused = (output: OutputReport) => !output.ok && departing?.outputs?.test(output.name) === true
  if (!outputs.some(excused)) return [caseReport(name, outputs)]
  const rest = outputs.filter((output) => !excused(output))
  return [caseReport(name, rest, departing!.reason)]
}

/** The contrastive loss and its gradients, on as many workers as were recorded. */
async function contrastivePart(implementation: LossImplementation, inputs: LossInputs): Promise<Made> {
  const workers = await runWorkers(inputs.images.length, (collective) =>
    oneWorker(implementation.loss, inputs, collective),
  )
  const made: Made = {}
  for (const output of Object.keys(workers[0]!)) {
    made[output] = Float32Array.from(workers.flatMap((worker) => [...worker[output]!]))
  }
  if (implementation.whole) {
    for (const output of ['loss', 'grad_logit_scale_log']) {
      const local = made[output]!
      made[output] = local.map(() => local.reduce((sum, value) => sum + value, 0) / local.length)
    }
  }
  return made
}

async function oneWorker(
  loss: 'siglip' | 'clip',
  { images, texts, shape, logitScale, logitBias }: LossInputs,
  collective: Collective,
): Promise<Made> {
  const { rank } = collective
  using scope = new TensorScope()
  const { scale, bias, imageFeatures, textFeatures } = scope.track({
    scale: scalar(logitScale[rank]!),
    bias: scalar(logitBias[rank]!),
    imageFeatures: tensor2d(images[rank]!, shape),
    textFeatures: tensor2d(texts[rank]!, shape),
  })
  const losses = {
    siglip: (features: ContrastiveFeatures) =>
      sigLipLoss({ ...features, logitScale: scale, logitBias: bias }),
    clip: (features: ContrastiveFeatures) => clipLoss({ ...features, logitScale: scale }),
  }
  const made = scope.track(
    await contrastiveGradients({
      imageFeatures,
      textFeatures,
      loss: losses[loss],
      parameters: { scale, bias },
      collective,
    }),
  )
  return {
    loss: await tensorData(made.loss),
    grad_image_features: await tensorData(made.imageFeatures),
    grad_text_features: await tensorData(made.textFeatures),
    grad_logit_scale_log: await tensorData(made.parameters.scale!),
    grad_logit_bias: made.parameters.bias ? await tensorData(made.parameters.bias) : new Float32Array(1),
  }
}

/** PS3's box supervision of both kinds of probabilities, and the sum of all losses. */
async function boxPart({ loss }: Made, { weights }: LossCase, tensors: SafetensorsFile): Promise<Made> {
  if (loss!.length > 1) throw new ConfigError('this tool knows box supervision on one worker only')
  const prior = await boxLoss('bottomup_probs', weights!.prior, tensors)
  const posterior = await boxLoss('topdown_probs', weights!.topdown, tensors)
  return {
    ...prior.gradients,
    ...posterior.gradients,
    contrastive_loss: loss!,
    prior_box_supervision_loss: prior.loss,
    posterior_box_supervision_loss: posterior.loss,
    total: loss!.map((value) => value + prior.loss[0]! + posterior.loss[0]!),
  }
}

async function boxLoss(kind: string, weight: number, tensors: SafetensorsFile) {
  using scope = new TensorScope()
  const names = tensors.names().filter((name) => name.startsWith(`${kind}.`))
  const probabilities: Tensor[] = []
  for (const name of names) probabilities.push(scope.track(await readTensor(tensors, name)))
  const { targets, isLocal } = await supervision(probabilities, tensors)
  scope.track(targets)
  const tape = scope.track(new Tape())
  const y = scope.track(
    tape.record(() => mul(boxSupervisionLoss({ probabilities, targets, isLocal }), weight)),
  )
  const gradients = scope.track(tape.gradients([{ y }], probabilities))
  const made: Made = {}
  for (const [i, name] of names.entries()) made[`grad_${name}`] = await tensorData(gradients[i]!)
  return { loss: await tensorData(y), gradients: made }
}

/** Targets on the probabilities' grids, and which samples take part: none where no maps were recorded. */
async function supervision(probabilities: readonly Tensor[], tensors: SafetensorsFile) {
  const batch = probabilities[0]!.shape[0]!
  if (!tensors.has('gt_selection_maps')) {
    return {
      targets: probabilities.map(({ shape }) => zeros(shape)),
      isLocal: Array.from({ length: batch }, () => false),
    }
  }
  const regions = await readRegions(tensors)
  const grids = probabilities.map(({ shape }) => ({ height: shape[1]!, width: shape[2]! }))
  const isGlobal = tensors.has('is_global_text') ? await tensors.readFloat32('is_global_text') : []
  const isLocal = regions.map((_, i) => !isGlobal[i])
  return { targets: regionTargets(regions, grids), isLocal }
}
