// Ops whose backend has a fused kernel against the same ops with plain ones, in value and in gradient.
import { beforeAll, expect, it } from 'vitest'
import { describeNative } from '../../../../tools/backends.ts'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { tensorData, useBackend } from '../backend/index.ts'
import { Random } from '../random.ts'
import { dispose, grads, mul, profile, sum, type Tensor, tensor, tidy } from '../tf.ts'
import { attention, selfAttention } from './attention.ts'
import { checkpoint } from './checkpoint.ts'
import { biasGelu } from './gelu.ts'
import { withPlainOps } from './kernel.ts'
import { layerNorm } from './layer-norm.ts'
import { linear, linearGelu } from './linear.ts'
import { rmsNorm } from './rms-norm.ts'
import { rotary } from './rotary.ts'
import { siluMul } from './silu-mul.ts'

interface FusedCase {
  name: string
  /** That must have run, forward and backward. */
  kernels: string[]
  shapes: number[][]
  run: (...inputs: Tensor[]) => Tensor
}

// [batch, queries, prefix or keys, heads, head width]: widths that fill vectors of eight and that do not, odd lengths.
const SIZES = [
  [1, 7, 0, 2, 8],
  [2, 33, 5, 2, 10],
  [2, 97, 31, 3, 12],
  [2, 25, 130, 2, 64],
  [1, 101, 17, 2, 72],
] as const

const attentions = SIZES.flatMap(([batch, rows, before, numHeads, headWidth]): FusedCase[] => {
  const width = numHeads * headWidth
  const size = `${batch}x${rows} after ${before}, ${numHeads} heads of ${headWidth}`
  return [
    {
      name: `selfAttention, ${size}`,
      kernels: ['PS3SelfAttention', 'PS3SelfAttentionGrad'],
      shapes: [[batch, rows, 3 * width], [3 * width], ...(before ? [[batch, before, 2 * width]] : [])],
      run: (qkv, bias, prefix) => selfAttention(qkv!, { numHeads, bias, prefix }),
    },
    {
      name: `attention, ${size}`,
      kernels: ['PS3Attention'],
      shapes: [
        [batch, rows, width],
        [batch, before + 3, width],
        [batch, before + 3, width],
      ],
      run: (q, k, v) => attention(q!, k!, v!, { numHeads }),
    },
  ]
})

const CASES: FusedCase[] = [
  ...attentions,
  ...[0, 40].map(
    (before): FusedCase => ({
      name: `attention, causal, 6 heads share 2, after ${before}`,
      kernels: ['PS3Attention'],
      shapes: [[2, 33, 48], [2, 33, 16], [2, 33, 16], ...(before ? [[2, before, 32]] : [])],
      run: (q, k, v, prefix) =>
        attention(q!, k!, v!, { numHeads: 6, numKeyValueHeads: 2, causal: true, prefix }),
    }),
  ),
  // Few queries and many, one prefix and two.
  ...[
    [1, 250, 0],
    [1, 250, 3],
    [2, 17, 31],
    [40, 17, 31],
  ].map(
    ([queries, early, late]): FusedCase => ({
      name: `attention, causal, ${queries} queries after ${early} and ${late}`,
      kernels: ['PS3Attention'],
      shapes: [
        [2, queries!, 60],
        [2, queries!, 20],
        [2, queries!, 20],
        [2, early!, 40],
        ...(late ? [[2, late, 40]] : []),
      ],
      run: (q, k, v, ...prefix) =>
        attention(q!, k!, v!, { numHeads: 6, numKeyValueHeads: 2, causal: true, prefix }),
    }),
  ),
  ...[1, 2, 7].map(
    (rows): FusedCase => ({
      name: `linear, ${rows} rows`,
      kernels: ['PS3FewRows'],
      shapes: [[rows, 77], [43, 77], [43]],
      run: (x, weight, bias) => linear(x!, weight!, bias),
    }),
  ),
  {
    name: 'linear, without a bias',
    kernels: ['PS3FewRows'],
    shapes: [
      [1, 2, 64],
      [5, 64],
    ],
    run: (x, weight) => linear(x!, weight!),
  },
  {
    name: 'rmsNorm',
    kernels: ['PS3RmsNorm'],
    shapes: [[2, 37, 75], [75]],
    run: (x, weight) => rmsNorm(x!, weight!, 1e-6),
  },
  {
    name: 'siluMul',
    kernels: ['PS3SiluMul'],
    shapes: [
      [200, 43],
      [200, 43],
    ],
    run: (gate, up) => siluMul(gate!, up!),
  },
  {
    name: 'rotary',
    kernels: ['PS3Rotary'],
    shapes: [[37, 60]],
    run: (x) => {
      const angles = Float32Array.from({ length: 37 * 5 }, (_, i) => i / 7)
      return rotary(x!, tensor(angles.map(Math.cos), [37, 5]), tensor(angles.map(Math.sin), [37, 5]))
    },
  },
  {
    name: 'layerNorm',
    kernels: ['PS3LayerNorm', 'PS3LayerNormGrad'],
    shapes: [[2, 37, 72], [72], [72]],
    run: (x, weight, bias) => layerNorm(x!, weight!, bias!, 1e-6),
  },
  ...(['none', 'tanh'] as const).flatMap((approximate): FusedCase[] => [
    {
      name: `biasGelu, ${approximate}`,
      kernels: ['PS3BiasGelu', 'PS3BiasGeluGrad'],
      shapes: [[2, 37, 43], [43]],
      run: (x, bias) => biasGelu(x!, bias!, approximate),
    },
    {
      name: `linearGelu, ${approximate}`,
      kernels: ['PS3BiasGelu', 'PS3BiasGeluGrad'],
      shapes: [[2, 37, 24], [43, 24], [43]],
      run: (x, weight, bias) => linearGelu(x!, weight!, bias!, approximate),
    },
  ]),
  {
    name: 'selfAttention inside a checkpoint',
    kernels: ['PS3SelfAttention', 'PS3SelfAttentionGrad'],
    shapes: [[1, 9, 48], [48], [1, 4, 32]],
    run: (qkv, bias, prefix) =>
      checkpoint(
        (x: Tensor, before: Tensor) => selfAttention(x, { numHeads: 2, bias, prefix: before }),
        [qkv!, prefix!],
        [bias!],
      ),
  },
]

// Both sides sum up to 150 products of float32 in different orders, of size 10 at most: ten roundings of 1e-6.
const TOLERANCE = 1e-5

function inputsOf(shapes: number[][]): Tensor[] {
  const random = new Random(5)
  return shapes.map((shape) =>
    tensor(random.fillNormal(new Float32Array(shape.reduce((a, b) => a * b, 1))), shape),
  )
}

/** Output and gradients of a weighted sum of it. */
function evaluate({ run }: FusedCase, inputs: Tensor[]): Tensor[] {
  return tidy(() => {
    const output = run(...inputs)
    const weights = tensor(new Random(6).fillUniform(new Float32Array(output.size), -1, 1), output.shape)
    return [output, ...grads((...xs: Tensor[]) => sum(mul(run(...xs), weights)))(inputs)]
  })
}

describeNative('fused kernels behind ops', () => {
  beforeAll(() => useBackend('node'))

  it.each(CASES)('$name', async (fusedCase) => {
    await expectNoLeak(async () => {
      const inputs = inputsOf(fusedCase.shapes)
      const kernels = async (run: () => Tensor[]) => {
        const { kernelNames, result } = await profile(run)
        return { names: kernelNames, tensors: result as Tensor[] }
      }
      const fused = await kernels(() => evaluate(fusedCase, inputs))
      const plain = await kernels(() => withPlainOps(() => evaluate(fusedCase, inputs)))
      expect(fused.names).toEqual(expect.arrayContaining(fusedCase.kernels))
      for (const kernel of fusedCase.kernels) expect(plain.names).not.toContain(kernel)
      for (const [i, expected] of plain.tensors.entries()) {
        expect(fused.tensors[i]!.shape).toEqual(expected.shape)
        const [a, b] = [await tensorData(fused.tensors[i]!), await tensorData(expected)]
        const scale = b.reduce((most, value) => Math.max(most, Math.abs(value)), 1)
        // Not Math.max over the differences: it must not lose a NaN.
        const wrong = a.findIndex((value, j) => !(Math.abs(value - b[j]!) <= TOLERANCE * scale))
        expect(wrong, `tensor ${i}, element ${wrong}: ${a[wrong]}, plain ${b[wrong]}`).toBe(-1)
      }
      dispose([...inputs, ...fused.tensors, ...plain.tensors])
    })
  })
})
