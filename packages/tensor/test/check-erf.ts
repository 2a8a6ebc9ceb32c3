// The largest error of a backend's erf over [-6, 6], against a series summed in double precision.
import { type BackendName, erf, tensor1d, tensorData, useBackend } from '../src/index.ts'

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

/** erf(x) = 2 / sqrt(pi) * exp(-x^2) * sum of 2^n x^(2n+1) / (2n+1)!!, whose terms are all of one sign. */
function exactErf(x: number): number {
  let term = x
  let total = x
  for (let n = 1; n < 200; n++) {
    term *= (2 * x * x) / (2 * n + 1)
    total += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total
}
