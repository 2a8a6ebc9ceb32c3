// Replays the recorded loss of where a VILA-HD looks: cross-entropy and dice of its probabilities against regions.

import {
  binaryCrossEntropy,
  binaryCrossEntropyAndDice,
  boxSupervisionLoss,
  dice,
  type RegionMap,
  regionTargets,
} from '@ps3js/contrastive-loss'
import { type SafetensorsFile, Tape, type Tensor, TensorScope, tensorData } from '@ps3js/tensor'
import { type CaseReport, caseReport, compare, failed } from './report.ts'
import { type FixtureStore, readJson, readTensors, requireWhole } from './store.ts'
import { readTensor } from './vision-records.ts'

/** Of a value: sums of terms of one sign, which float32 gives to about 1e-6. */
const RELATIVE = 1e-5

export async function replaySelectionLoss(store: FixtureStore): Promise<CaseReport[]> {
  const tensors = await readTensors(store, 'tensors.safetensors')
  requireWhole(await readJson(store, 'case.json'), tensors)
  using scope = new TensorScope()
  const names = tensors.names().filter((name) => /^probs\.\d+$/.test(name))
  const maps: Tensor[] = []
  for (const name of names) maps.push(scope.track(await readTensor(tensors, name)))
  const regions = await readRegions(tensors)
  const grids = maps.map(({ shape }) => ({ height: shape[1]!, width: shape[2]! }))
  const targets = scope.track(regionTargets(regions, grids))
  // A sample without a region says nothing about where to look.
  const isLocal = regions.map(({ data }) => Array.from(data).some((x) => x > 0))
  const tape = scope.track(new Tape())
  const loss = scope.track(
    tape.record(() =>
      boxSupervisionLoss({ probabilities: maps, targets, isLocal, mapLoss: binaryCrossEntropyAndDice }),
    ),
  )
  const made: Record<string, Tensor> = { loss }
  for (const [i, gradient] of scope.track(tape.gradients([{ y: loss }], maps)).entries()) {
    const one = { probabilities: [maps[i]!], targets: [targets[i]!], isLocal }
    made[`grad_${names[i]}`] = gradient!
    for (const [part, mapLoss] of [['bce', binaryCrossEntropy] as const, ['dice', dice] as const])
      made[names[i]!.replace('probs', part)] = scope.run(() => boxSupervisionLoss({ ...one, mapLoss }))
  }
  const outputs = []
  for (const name of tensors.names()) {
    if (name === 'gt_selection_maps' || names.includes(name)) continue
    const want = await tensors.readFloat32(name)
    // A clamped logarithm makes single slopes a million times as large as all others.
    const relative = (values: Float32Array) => Array.from(values, (x, i) => x / (Math.abs(want[i]!) || 1))
    outputs.push(
      made[name]
        ? compare(name, relative((await tensorData(made[name])) as Float32Array), relative(want), RELATIVE)
        : failed(name, 'this tool does not know how to make this output'),
    )
  }
  return [caseReport(store.location.split('/').pop()!, outputs)]
}

/** Recorded regions of each sample, as masks. */
export async function readRegions(tensors: SafetensorsFile): Promise<RegionMap[]> {
  const [batch, height, width] = tensors.info('gt_selection_maps').shape as [number, number, number]
  const cells = height * width
  const all = await tensors.readFloat32('gt_selection_maps')
  return Array.from({ length: batch }, (_, i) => {
    return { height, width, data: all.subarray(i * cells, (i + 1) * cells) }
  })
}
