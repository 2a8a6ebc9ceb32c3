// The largest error of a backend's erf over [-6, 6], against a series summed in double precision.
import { type BackendName, erf, tensor1d, tensorData, useBackend } from '../src/index.ts'
import { erf as exactErf } from './float64.ts'

export async function checkErf(
  backend: BackendName,
  use: () => Promise<unknown> = () => useBackend(backend),
): Promise<number> {
  await use()
  const points = Float32Array.from({ length: 4801 }, (_, i) => (i - 2400) / 400)
  const x = tensor1d(points)
  const y = erf(x)
  const values = await tensorData(y)
  x.dispose()
  y.dispose()
  let worst = 0
  for (const [i, point] of points.entries()) {
    const error = Math.abs(values[i]! - exactErf(point))
    worst = error <= worst ? worst : Number.isNaN(error) ? Infinity : error
  }
  return worst
}
