// Reading what was recorded of whole training steps.

import type { PatchSelection } from '@ps3js/patch-selector'
import { gridSizes } from '@ps3js/ps3-encoder'
import { ConfigError, type SafetensorsFile } from '@ps3js/tensor'
import type { PretrainBatch } from '@ps3js/trainer'
import { readPictures } from './model.ts'
import type { FixtureStore } from './store.ts'
import { readSelections } from './vision-records.ts'

/** `case.json` of a training step. */
export interface TrainStepCase {
  kind: 'train_step'
  name: string
  inputs: { png: string[]; mean: number[]; std: number[] }
  scales: number[]
  budget: number
  pool_gt_token_only: boolean
  select_w_gt: boolean
  optimizer: { type: string; lr: number; betas: [number, number]; eps: number; weight_decay: number }
  schedule: { type: string; warmup: number; total_steps: number; cooldown?: number; lr_per_step: number[] }
  /** One entry per step. */
  losses_float64: RecordedLosses[]
  losses_float32: RecordedLosses[]
  parameters: Record<string, RecordedParameter>
  tensors: Record<string, { shape: number[] }>
}

export interface RecordedLosses {
  contrastive_loss: number
  prior_box_supervision_loss: number
  posterior_box_supervision_loss: number
  total: number
}

/** `*_f32_err*`: how far the reference's own float32 run was from its float64 run. */
export interface RecordedParameter {
  group: 'decay' | 'no_decay'
  has_grad: boolean
  grad_f32_err?: number
  after1_f32_err_stable?: number
  after3_f32_err_stable?: number
}

export async function readBatch(
  store: FixtureStore,
  recorded: TrainStepCase,
  tensors: SafetensorsFile,
): Promise<PretrainBatch> {
  const images = await readPictures(store, recorded.inputs.png)
  const rows = async (name: string) => {
    const values = await tensors.readFloat32(name)
    const length = values.length / images.length
    return images.map((_, i) => values.slice(i * length, (i + 1) * length))
  }
  const [, height, width] = tensors.info('gt_selection_maps').shape as [number, number, number]
  return {
    images,
    tokenIds: (await rows('input_ids')).map((ids) => Int32Array.from(ids)),
    regions: (await rows('gt_selection_maps')).map((data) => ({ height, width, data })),
    isGlobalText: (await rows('is_global_text')).map(([flag]) => flag !== 0),
  }
}

/** What the reference took at each step, per picture. */
export async function readTaken(
  recorded: TrainStepCase,
  tensors: SafetensorsFile,
  { images }: PretrainBatch,
  patchSize: number,
): Promise<PatchSelection[][]> {
  const { height, width } = images[0]!
  const grids = gridSizes(recorded.scales, patchSize, height, width)
    .slice(1)
    .map(({ grid }) => grid)
  const taken: PatchSelection[][] = []
  for (const step of recorded.losses_float64.keys()) {
    if (!tensors.has(`selection.step${step}.scale1`)) {
      throw new ConfigError(`the selection of step ${step} was not recorded: it cannot be forced`)
    }
    taken.push(await readSelections(tensors, `selection.step${step}.scale`, grids, images.length))
  }
  return taken
}
