// Runs the op table on one backend: values and gradients against the cpu backend's, gradients against central
// finite differences, tensors counted before and after. Runs in Node and in a page.
import {
  type BackendName,
  grads,
  memory,
  mul,
  Random,
  sum,
  type Tensor,
  tensor,
  tensorData,
  tidy,
  useBackend,
} from '../src/index.ts'
import { OPS, type OpCase, type OpInput } from './op-table.ts'

export interface OpReport {
  name: string
  ok: boolean
  /** Largest differences; relative where the value is above 1. */
  forward: number
  gradient: number
  finiteDifference: number
  leaked: number
  error?: string
}

export interface Values {
  output: Float32Array
  gradients: Float32Array[]
}

// cpu computes in double precision and rounds once; others round at each step of ops a handful of steps deep.
// WGSL allows tanh an absolute error of 1e-5 and exp, log and pow a few units in the last place.
const TOLERANCE: Record<BackendName, number> = {
  cpu: 0,
  wasm: 2e-6,
  node: 2e-6,
  'node-gpu': 1e-5,
  webgpu: 2e-5,
}
// Step h of the central difference: outputs of size 1 carry 6e-8 of rounding (1e-6 on a GPU), which the quotient
// turns into 6e-8 * sqrt(outputs) / h, about 3e-5 (5e-4); cutting the series at h^2 / 6 * f''' leaves 4e-5.
const STEP = 5e-3
const DIFFERENCE_TOLERANCE: Record<BackendName, number> = {
  cpu: 1e-3,
  wasm: 1e-3,
  node: 1e-3,
  'node-gpu': 2e-3,
  webgpu: 3e-3,
}

/** Checks every op on `backend`; the cpu backend gives the reference values first. */
export async function checkOps(
  backend: BackendName,
  use: () => Promise<unknown> = () => useBackend(backend),
): Promise<OpReport[]> {
  await useBackend('cpu')
  const references: (Values | string)[] = []
  for (const op of OPS) references.push(await evaluate(op, inputsOf(op)).catch(messageOf))
  await use()
  const reports: OpReport[] = []
  for (const [index, op] of OPS.entries()) reports.push(await checkOp(op, backend, references[index]!))
  return reports
}

async function checkOp(op: OpCase, backend: BackendName, reference: Values | string): Promise<OpReport> {
  const report: OpReport = {
    name: op.name,
    ok: false,
    forward: Infinity,
    gradient: Infinity,
    finiteDifference: Infinity,
    leaked: 0,
  }
  const before = memory().numTensors
  try {
    if (typeof reference === 'string') throw new Error(`on cpu: ${reference}`)
    const inputs = inputsOf(op)
    const values = await evaluate(op, inputs)
    report.forward = difference(values.output, reference.output)
    report.gradient = Math.max(...values.gradients.map((g, i) => difference(g, reference.gradients[i]!)))
    report.finiteDifference = await finiteDifference(op, inputs, values.gradients)
    report.leaked = memory().numTensors - before
    const tolerance = Math.max(TOLERANCE[backend], backend === 'webgpu' ? (op.wgslError ?? 0) : 0)
    report.ok =
      report.forward <= tolerance &&
      report.gradient <= tolerance * 5 &&
      report.finiteDifference <= DIFFERENCE_TOLERANCE[backend] &&
      report.leaked === 0
  } catch (error) {
    report.error = messageOf(error)
  }
  return report
}

/** The op's output, and the gradients of its weighted sum: unequal weights let no index go wrong unseen. */
export async function evaluate(op: OpCase, inputs: Float32Array[]): Promise<Values> {
  const tensors = tidy(() => {
    const xs = upload(op, inputs)
    const output = op.run(...xs)
    const weights = tensor(weightsFor(output.size), output.shape)
    const gradients = grads((...args: Tensor[]) => sum(mul(op.run(...args), weights)))(xs)
    return [output, ...gradients]
  })
  const [output, ...gradients] = await download(tensors)
  return { output: output!, gradients }
}

/** Largest error of directional derivatives: one per input, and one along each of that input's first elements. */
async function finiteDifference(
  op: OpCase,
  inputs: Float32Array[],
  gradients: Float32Array[],
): Promise<number> {
  const random = new Random(11)
  let worst = 0
  for (const [index, gradient] of gradients.entries()) {
    const size = gradient.length
    const random1 = random.fillUniform(new Float32Array(size), -1, 1)
    const directions = [
      random1,
      ...Array.from({ length: Math.min(size, 6) }, (_, i) => unit(size, (i * 5) % size)),
    ]
    for (const direction of directions) {
      const [up, down] = await Promise.all(
        [STEP, -STEP].map((h) => {
          const moved = inputs.map((x, i) => (i === index ? x.map((v, j) => v + h * direction[j]!) : x))
          return weightedSum(op, moved)
        }),
      )
      const expected = direction.reduce((total, d, j) => total + d * gradient[j]!, 0)
      worst = Math.max(
        worst,
        Math.abs((up! - down!) / (2 * STEP) - expected) / Math.max(1, Math.abs(expected)),
      )
    }
  }
  return worst
}

async function weightedSum(op: OpCase, inputs: Float32Array[]): Promise<number> {
  const [values] = await download([tidy(() => op.run(...upload(op, inputs)))])
  const weights = weightsFor(values!.length)
  // In double precision: float32 would round the sum at each step.
  return values!.reduce((total, value, i) => total + value * weights[i]!, 0)
}

function upload(op: OpCase, inputs: Float32Array[]): Tensor[] {
  return inputs.map((values, i) => tensor(values, op.inputs[i]!.shape))
}

async function download(tensors: Tensor[]): Promise<Float32Array[]> {
  const values: Float32Array[] = []
  for (const t of tensors) {
    values.push(Float32Array.from(await tensorData(t)))
    t.dispose()
  }
  return values
}

export function inputsOf(op: OpCase): Float32Array[] {
  const random = new Random(7)
  return op.inputs.map((input) => draw(input, random))
}

function draw({ shape, low = -1.5, high = 1.5, avoid = [] }: OpInput, random: Random): Float32Array {
  const values = random.fillUniform(new Float32Array(shape.reduce((a, b) => a * b, 1)), low, high)
  return values.map((value) => {
    const kink = avoid.find((point) => Math.abs(value - point) < 0.05)
    return kink === undefined ? value : kink + 0.1
  })
}

export function weightsFor(size: number): Float32Array {
  return new Random(3).fillUniform(new Float32Array(size), -1, 1)
}

function unit(size: number, at: number): Float32Array {
  const direction = new Float32Array(size)
  direction[at] = 1
  return direction
}

function difference(actual: Float32Array, expected: Float32Array): number {
  if (actual.length !== expected.length) return Infinity
  let worst = 0
  for (let i = 0; i < actual.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!) / Math.max(1, Math.abs(expected[i]!))
    // NaN must not pass for a small number.
    if (!(error <= worst)) worst = Number.isNaN(error) ? Infinity : error
  }
  return worst
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
