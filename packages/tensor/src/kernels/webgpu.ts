// Kernels of tfjs's WebGPU backend that are replaced. Its erf adds the rounding of a cancelling difference to an
// approximation that is off by 1.5e-7: 4.7e-7 in all on SwiftShader, and more where a GPU's exp is coarser.
import {
  type KernelBackend,
  registerKernel,
  type TensorInfo,
  unregisterKernel,
  util,
} from '@tensorflow/tfjs-core'

interface WebgpuBackend extends KernelBackend {
  runWebGPUProgram(program: WebgpuProgram, inputs: TensorInfo[], dtype: string): TensorInfo
}

/** The part of tfjs's `WebGPUProgram` that an elementwise program fills in. */
interface WebgpuProgram {
  outputShape: number[]
  shaderKey: string
  dispatchLayout: { x: number[] }
  dispatch: [number, number, number]
  workgroupSize: [number, number, number]
  variableNames: string[]
  size: boolean
  getUserCode(): string
}

const WORKGROUP = 128

// Below 1: erf(x) = x * P(x^2), nothing cancels. Above: 1 - exp(-x^2) * Q(t), t = 1 / (1 + x / 2). P and Q were
// interpolated at Chebyshev nodes, on [0, 1] and for x on [1, 4.2]; both are within 4e-9 before rounding.
const P = [1.12837917, -0.376126267, 0.112835947, -0.026854212, 0.00518908742, -0.000801686428, 7.87587505e-5]
const Q = [0.000537095818, 0.274476618, 0.326460598, 0.113055646, 0.386186259, -0.0433860384, -0.0580902074]

/** The polynomial in WGSL, by Horner's rule. */
function polynomial(coefficients: number[], variable: string): string {
  return coefficients.reduceRight((inner, c) => (inner ? `(${inner} * ${variable} + (${c}))` : `(${c})`), '')
}

const ERF = `
  fn erfOf(x : f32) -> f32 {
    let a = abs(x);
    let s = a * a;
    if (a < 1.0) {
      return x * ${polynomial(P, 's')};
    }
    let t = 1.0 / (1.0 + 0.5 * a);
    return sign(x) * (1.0 - exp(-s) * ${polynomial(Q, 't')});
  }
  fn main(index : i32) {
    if (index < uniforms.size) {
      setOutputAtIndex(index, erfOf(getAByOutputIndex(index)));
    }
  }`

let registered = false

/** Puts them in place of tfjs's own, once. */
export function registerWebgpuKernels(): void {
  if (registered) return
  registered = true
  unregisterKernel('Erf', 'webgpu')
  registerKernel({
    kernelName: 'Erf',
    backendName: 'webgpu',
    kernelFunc: ({ inputs, backend }) => {
      const { x } = inputs as { x: TensorInfo }
      const program: WebgpuProgram = {
        outputShape: x.shape,
        shaderKey: 'erf',
        dispatchLayout: { x: x.shape.map((_, axis) => axis) },
        dispatch: [Math.ceil(util.sizeFromShape(x.shape) / WORKGROUP), 1, 1],
        workgroupSize: [WORKGROUP, 1, 1],
        variableNames: ['A'],
        size: true,
        getUserCode: () => ERF,
      }
      return (backend as WebgpuBackend).runWebGPUProgram(program, [x], 'float32')
    },
  })
}
