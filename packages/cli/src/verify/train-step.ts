// Replays recorded training steps of the reference: features, losses, every gradient, and the parameters after AdamW
// steps, with the recorded selections; then the first step again through checkpointed blocks and in micro-batches.

import { type PatchSelection, splitBudget } from '@ps3js/patch-selector'
import { type PS3Encoder, toCheckpointName } from '@ps3js/ps3-encoder'
import {
  backendInfo,
  ConfigError,
  interpolate,
  type SafetensorsFile,
  type Tensor,
  TensorScope,
  tensorData,
  tidy,
} from '@ps3js/tensor'
import {
  adamW,
  applyValues,
  checkpointedBlocks,
  clampLogitScale,
  decays,
  disposeAdamW,
  type PretrainBatch,
  type PretrainLosses,
  type PretrainOptions,
  parameterGroups,
  pretrainForward,
  pretrainStep,
  schedule,
} from '@ps3js/trainer'
import { loadFamily } from './model.ts'
import { type CaseReport, caseReport, compare, compareExactly, failed, type OutputReport } from './report.ts'
import { SCHEDULES } from './schedules.ts'
import { type FixtureStore, readJson, readTensors } from './store.ts'
import {
  type RecordedLosses,
  type RecordedParameter,
  readBatch,
  readTaken,
  type TrainStepCase,
} from './train-records.ts'

/** How far a tensor may be from the float64 reference, relative to the largest value it holds. */
const RELATIVE = 1e-5
/** A GPU's exp, division and order of summation are coarser. */
const RELATIVE_WEBGPU = 1e-4
/**
 * Where the reference's own float32 run was off by more, rounding is to blame: gradients that cancel to nothing (biases of
 * keys) or sum over all pixels of a picture. Others sum in another order, with other approximations of exp and erf: so
 * far, times this, they may be off too.
 */
const OWN_ERRORS = 8

function tolerance(want: ArrayLike<number>, ownError = 0): number {
  const relative = backendInfo()?.name === 'webgpu' ? RELATIVE_WEBGPU : RELATIVE
  let largest = 0
  for (let i = 0; i < want.length; i++) largest = Math.max(largest, Math.abs(want[i]!))
  return Math.max(relative * largest, OWN_ERRORS * ownError)
}

interface Replay {
  recorded: TrainStepCase
  tensors: SafetensorsFile
  encoder: PS3Encoder
  batch: PretrainBatch
  /** Per step, per picture. */
  taken: PatchSelection[][]
  options: PretrainOptions
}

export async function* replayTrainStep(
  store: FixtureStore,
  wants: (name: string) => boolean,
): AsyncGenerator<CaseReport> {
  const recorded = await readJson<TrainStepCase>(store, 'case.json')
  const tensors = await readTensors(store, 'tensors.safetensors')
  const batch = await readBatch(store, recorded, tensors)
  for (const [name, options] of Object.entries(variants(batch))) {
    if (!wants(`${recorded.name}${name}`)) continue
    // Steps change the parameters: every variant starts from the recorded ones.
    using scope = new TensorScope()
    const encoder = scope.track(await loadFamily(store, recorded.inputs))
    const taken = await readTaken(recorded, tensors, batch, encoder.config.trunk.patch_size)
    const { select_w_gt, pool_gt_token_only, scales, budget } = recorded
    const common: PretrainOptions = {
      selectWithGroundTruth: select_w_gt,
      poolGroundTruthTokensOnly: pool_gt_token_only,
      budget: splitBudget(scales, budget),
    }
    const replay = { recorded, tensors, encoder, batch, taken, options: { ...common, ...options } }
    const outputs = name === '' ? await compareForward(replay) : []
    outputs.push(...(await compareSteps(replay, name === '' ? recorded.losses_float64.length : 1)))
    yield caseReport(`${recorded.name}${name}`, outputs)
  }
}

/** What must not change a number, by what follows the case's name. */
const variants = ({ images }: PretrainBatch): Record<string, PretrainOptions> => ({
  '': {},
  ' (checkpointed blocks)': { blocks: checkpointedBlocks },
  ' (micro-batches)': { microBatch: Math.ceil(images.length / 2) },
})

/** Features and probabilities before the first step, and the patches that we would take. */
async function compareForward({
  recorded,
  tensors,
  encoder,
  batch,
  taken,
  options,
}: Replay): Promise<OutputReport[]> {
  using scope = new TensorScope()
  const output = scope.track(
    await pretrainForward(encoder, batch, { ...options, selections: taken[0] }, tidy),
  )
  const made: Record<string, Tensor> = {
    image_features: output.imageFeatures,
    text_features: output.textFeatures,
  }
  output.grids.forEach(({ height, width }, i) => {
    for (const [name, map] of [
      ['bottomup_probs', output.bottomUp],
      ['topdown_probs', output.topDown],
    ] as const) {
      made[`${name}.${i + 1}`] = scope.track(interpolate(map, height, width, 'nearest'))
    }
  })
  const outputs: OutputReport[] = []
  for (const name of tensors.names().filter((tensor) => /_features$|_probs\.\d+$/.test(tensor))) {
    const want = await tensors.readFloat32(name)
    const got = made[name]
    outputs.push(
      got
        ? compare(name, await tensorData(got), want, tolerance(want))
        : failed(name, 'this tool does not know how to make this output'),
    )
  }
  const own = scope.track(await pretrainForward(encoder, batch, options, tidy))
  outputs.push(compareExactly('selection.step0', counts(own.selections), counts(taken[0]!)))
  const names = Object.keys(recorded.parameters)
  const parameters = new Map([...encoder.namedParameters()].map(([path, p]) => [toCheckpointName(path), p]))
  outputs.push(
    compareExactly(
      'weight decay groups',
      [...parameters].map(([name, p]) => [name, decays(name, p) ? 'decay' : 'no_decay']).sort(),
      names.map((name) => [name, recorded.parameters[name]!.group]).sort(),
    ),
  )
  return outputs
}

/** Patches taken per picture and scale. */
const counts = (selections: readonly PatchSelection[]) =>
  selections.map(({ indices }) => indices.map((scale) => scale.length))

async function compareSteps({ recorded, tensors, encoder, batch, taken, options }: Replay, steps: number) {
  const { optimizer, schedule: shape, parameters } = recorded
  if (optimizer.type !== 'AdamW')
    throw new ConfigError(`this tool does not know the optimiser "${optimizer.type}"`)
  const rate = scheduleOf(recorded)
  const groups = parameterGroups(encoder, { weightDecay: optimizer.weight_decay })
  const { init, update } = adamW({ betas: optimizer.betas, epsilon: optimizer.eps })
  let state = init()
  const outputs = [
    compare(
      'learning rates',
      shape.lr_per_step.map((_, i) => rate(i)),
      shape.lr_per_step,
      1e-12,
    ),
  ]
  try {
    for (let step = 0; step < steps; step++) {
      const { losses, gradients } = await pretrainStep(encoder, batch, {
        ...options,
        selections: taken[step],
      })
      outputs.push(compareLosses(`losses ${step + 1}`, losses, recorded.losses_float64[step]!))
      if (step === 0) outputs.push(...(await compareGradients(gradients, parameters, tensors)))
      const { state: next, values } = update(groups, gradients, state, rate(step))
      state = next
      applyValues(groups, values)
      clampLogitScale(encoder)
      outputs.push(...(await compareParameters(encoder, `after${step + 1}`, parameters, tensors)))
    }
    return outputs
  } finally {
    disposeAdamW(state)
  }
}

/** `cosine_lr`, `const_lr` and `const_lr_cooldown`, as open_clip calls them. */
function scheduleOf({ optimizer, schedule: { type, warmup, total_steps, cooldown } }: TrainStepCase) {
  const kind = SCHEDULES[type.replace('_lr', '').replace('_', '-') as keyof typeof SCHEDULES]
  if (!kind) throw new ConfigError(`this tool does not know the schedule "${type}"`)
  return schedule({
    kind,
    learningRate: optimizer.lr,
    warmupSteps: warmup,
    totalSteps: total_steps,
    cooldownSteps: kind === 'cooldown' ? (cooldown ?? Math.floor(total_steps / 5)) : undefined,
  })
}

function compareLosses(name: string, losses: PretrainLosses, want: RecordedLosses): OutputReport {
  const recorded = [
    want.contrastive_loss,
    want.prior_box_supervision_loss,
    want.posterior_box_supervision_loss,
    want.total,
  ]
  const { contrastive, bottomUp, topDown, total } = losses
  return compare(name, [contrastive, bottomUp, topDown, total], recorded, tolerance(recorded))
}

async function compareGradients(
  gradients: ReadonlyMap<string, Tensor>,
  parameters: TrainStepCase['parameters'],
  tensors: SafetensorsFile,
): Promise<OutputReport[]> {
  const made = new Map([...gradients].map(([path, gradient]) => [toCheckpointName(path), gradient]))
  const reports: OutputReport[] = []
  for (const [name, { has_grad, grad_f32_err }] of Object.entries(parameters)) {
    const gradient = made.get(name)
    const got = gradient ? await tensorData(gradient) : null
    if (!has_grad) {
      reports.push(compare(`grad.${name}`, got ?? [], got ? new Float32Array(got.length) : [], 0))
    } else if (!got) reports.push(failed(`grad.${name}`, 'no gradient'))
    else {
      const want = await tensors.readFloat32(`grad.${name}`)
      reports.push(compare(`grad.${name}`, got, want, tolerance(want, grad_f32_err)))
    }
  }
  return summarize('grad', reports)
}

/** Parameters after a step, where these were recorded. Elements that noise drives are left out. */
async function compareParameters(
  encoder: PS3Encoder,
  when: string,
  recorded: TrainStepCase['parameters'],
  tensors: SafetensorsFile,
): Promise<OutputReport[]> {
  const reports: OutputReport[] = []
  for (const [path, parameter] of encoder.namedParameters()) {
    const name = toCheckpointName(path)
    if (!tensors.has(`${when}.${name}`)) continue
    const want = await tensors.readFloat32(`${when}.${name}`)
    const got = (await tensorData(parameter.value)).slice()
    if (tensors.has(`unstable.${name}`)) {
      const unstable = await tensors.readFloat32(`unstable.${name}`)
      for (let i = 0; i < got.length; i++) if (unstable[i] !== 0) got[i] = want[i]!
    }
    const ownError = recorded[name]?.[`${when}_f32_err_stable` as keyof RecordedParameter] as
      | number
      | undefined
    reports.push(compare(`${when}.${name}`, got, want, tolerance(want, ownError)))
  }
  const count = tensors.names().filter((name) => name.startsWith(`${when}.`)).length
  if (count !== reports.length) {
    reports.push(failed(when, `${count} parameters were recorded, the model has ${reports.length} of them`))
  }
  return summarize(when, reports)
}

/** All that fail, and the closest to failing of those that do not. */
function summarize(name: string, reports: readonly OutputReport[]): OutputReport[] {
  const good = reports.filter((report) => report.ok)
  const share = ({ maxAbs, tolerance }: OutputReport) => (maxAbs === 0 ? 0 : maxAbs / tolerance)
  const worst = [...good].sort((a, b) => share(b) - share(a))[0]
  const bad = reports.filter((report) => !report.ok)
  if (!worst) return bad
  return [{ ...worst, name: `${name}.*`, detail: `worst of ${good.length}: ${worst.name}` }, ...bad]
}
