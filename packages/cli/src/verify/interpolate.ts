// Replays recorded resampling: every mode of interpolation, and adaptive max pooling.

import {
  adaptiveMaxPool,
  type InterpolationMode,
  interpolate,
  reshape,
  type Tensor,
  tensor,
  tidy,
} from '@ps3js/tensor'
import { type CaseReport, caseReport, compare, failed, type OutputReport } from './report.ts'
import { type FixtureStore, readJson, readTensors } from './store.ts'

/** Values of order 1, at most 16 x 16 taps of float32: 1e-5 is several times their rounding. */
const TOLERANCE = 1e-5

const modes: Record<string, InterpolationMode> = {
  bicubic: 'bicubic',
  bicubic_aa: 'bicubic-antialias',
  area: 'area',
  nearest: 'nearest',
}

export async function replayInterpolate(store: FixtureStore): Promise<CaseReport[]> {
  const { cases } = await readJson<{ cases: { id: number | string; out_hw: [number, number] }[] }>(
    store,
    'case.json',
  )
  const tensors = await readTensors(store, 'tensors.safetensors')
  const reports: CaseReport[] = []
  for (const { id, out_hw } of cases) {
    const input = tensor(await tensors.readFloat32(`${id}.in`), [...tensors.info(`${id}.in`).shape])
    const outputs: OutputReport[] = []
    for (const name of tensors.names().filter((n) => n.startsWith(`${id}.`) && n !== `${id}.in`)) {
      const [height, width] = tensors.info(name).shape.slice(-2) as [number, number]
      if (height !== out_hw[0] || width !== out_hw[1]) {
        outputs.push(failed(name, `recorded at ${height}x${width}, listed as ${out_hw}`))
        continue
      }
      const made = resample(input, height, width, name.slice(`${id}.`.length))
      if (made) {
        const got = (await made.data()) as Float32Array
        outputs.push(compare(name, got, await tensors.readFloat32(name), TOLERANCE))
        made.dispose()
      } else outputs.push(failed(name, 'this tool does not know this mode'))
    }
    input.dispose()
    reports.push(caseReport(`interpolate ${id}`, outputs))
  }
  return reports
}

function resample(input: Tensor, height: number, width: number, mode: string): Tensor | null {
  if (mode === 'adaptive_max') {
    return tidy(() => adaptiveMaxPool(reshape(input, [-1, ...input.shape.slice(-2)]), height, width))
  }
  const known = modes[mode]
  return known ? interpolate(input, height, width, known) : null
}
