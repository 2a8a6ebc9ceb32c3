// Runs the layer table on one backend: values against a float64 reference, gradients against that reference's central
// finite differences in every input element, tensors counted before and after. Runs in Node and in a page.
import { type BackendName, memory, useBackend } from '../src/index.ts'
import { evaluate, inputsOf, messageOf, weightsFor } from './check-ops.ts'
import type { Values } from './float64.ts'
import { LAYERS, type LayerCase } from './layer-table.ts'

export interface LayerReport {
  name: string
  ok: boolean
  /** Largest differences, relative where the array's largest value is above 1. */
  forward: number
  gradient: number
  leaked: number
  error?: string
}

// Step of the central difference. In double precision it errs by 1e-16 / h (rounding) + h^2 / 6 * f''' (series cut
// short), about 1e-10 together: nothing beside the float32 of the backends. float32 itself would need steps near 5e-3
// and could not tell errors below 1e-4.
const STEP = 1e-5
// Outputs are chains of up to ten float32 ops (6e-8 each, of values up to the largest) over at most 50 terms; measured
// is 7e-7 at most. WGSL lets exp, tanh and division be off by several units more each.
const TOLERANCE: Record<BackendName, number> = {
  cpu: 2e-6,
  wasm: 2e-6,
  node: 2e-6,
  'node-gpu': 2e-5,
  webgpu: 2e-5,
}

interface Expected {
  output: Values
  gradients: Values[]
}

export async function checkLayers(
  backend: BackendName,
  use: () => Promise<unknown> = () => useBackend(backend),
): Promise<LayerReport[]> {
  await use()
  const reports: LayerReport[] = []
  for (const layer of LAYERS) reports.push(await checkLayer(layer, TOLERANCE[backend]))
  return reports
}

async function checkLayer(layer: LayerCase, tolerance: number): Promise<LayerReport> {
  const report: LayerReport = {
    name: layer.name,
    ok: false,
    forward: Infinity,
    gradient: Infinity,
    leaked: 0,
  }
  const before = memory().numTensors
  try {
    const inputs = layer.values?.map((values) => Float32Array.from(values)) ?? inputsOf(layer)
    const actual = await evaluate(layer, inputs)
    const expected = expectedOf(layer, inputs)
    report.forward = difference(actual.output, expected.output)
    report.gradient = Math.max(...expected.gradients.map((g, i) => difference(actual.gradients[i]!, g)))
    report.leaked = memory().numTensors - before
    report.ok = report.forward <= tolerance && report.gradient <= tolerance && report.leaked === 0
  } catch (error) {
    report.error = messageOf(error)
  }
  return report
}

function expectedOf(layer: LayerCase, float32Inputs: Float32Array[]): Expected {
  const inputs = float32Inputs.map((values) => Float64Array.from(values))
  const output = layer.reference(...inputs)
  const weights = Float64Array.from(weightsFor(output.length))
  const weighted = () => layer.reference(...inputs).reduce((total, y, i) => total + y * weights[i]!, 0)
  const derivative = (values: Values, i: number) => {
    const centre = values[i]!
    const [up, down] = [STEP, -STEP].map((h) => {
      values[i] = centre + h
      return weighted()
    })
    values[i] = centre
    return (up! - down!) / (2 * STEP)
  }
  const gradients =
    layer.gradients?.(inputs, weights) ??
    inputs.map((values) => Float64Array.from(values.keys(), (i) => derivative(values, i)))
  return { output, gradients }
}

/** Relative to the array's largest value: a small gradient beside a large one is a difference of large terms. */
function difference(actual: Float32Array, expected: Values): number {
  if (actual.length !== expected.length) return Infinity
  const scale = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1)
  let worst = 0
  for (let i = 0; i < actual.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!) / scale
    // NaN must not pass for a small number.
    if (!(error <= worst)) worst = Number.isNaN(error) ? Infinity : error
  }
  return worst
}
