// The layers: shapes, the values they are made of, no tensor left, gradients to every parameter. On every backend here.
import { beforeAll, expect, it } from 'vitest'
import { BACKENDS } from '../../../../tools/backends.ts'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import * as reference from '../../test/float64.ts'
import { tensorData, useBackend } from '../backend/index.ts'
import { InvalidArgumentError } from '../errors.ts'
import { unfold } from '../ops/index.ts'
import { Random } from '../random.ts'
import { dispose, sum, type Tensor, tensor, tidy, variableGrads, zeros } from '../tf.ts'
import { LayerNorm, Linear, Mlp, type Module, PatchProjection } from './index.ts'

const draw = (...shape: number[]) =>
  tensor(new Random(8).fillNormal(new Float32Array(shape.reduce((a, b) => a * b, 1))), shape)

const float64 = async (x: Tensor) => Float64Array.from(await tensorData(x))

interface Layer {
  name: string
  make: () => Module & { forward(x: Tensor): Tensor }
  input: number[]
  output: number[]
  /** From the input and the parameters in order of name. */
  reference: (x: reference.Values, ...parameters: reference.Values[]) => reference.Values
}

const gelus = { none: reference.geluExact, tanh: reference.geluTanh }

const LAYERS: Layer[] = [
  {
    name: 'Linear',
    make: () => new Linear(4, 3),
    input: [2, 5, 4],
    output: [2, 5, 3],
    reference: (x, weight, bias) => reference.linear(x, weight!, 4, bias!),
  },
  {
    name: 'Linear without bias',
    make: () => new Linear(4, 3, { bias: false }),
    input: [5, 4],
    output: [5, 3],
    reference: (x, weight) => reference.linear(x, weight!, 4),
  },
  {
    name: 'LayerNorm',
    make: () => new LayerNorm(6, 1e-5),
    input: [2, 3, 6],
    output: [2, 3, 6],
    reference: (x, weight, bias) => reference.layerNorm(x, weight!, bias!, 1e-5),
  },
  ...(['none', 'tanh'] as const).map(
    (approximate): Layer => ({
      name: `Mlp, gelu ${approximate}`,
      make: () => new Mlp({ inFeatures: 4, hiddenFeatures: 6, outFeatures: 3, approximate }),
      input: [2, 4],
      output: [2, 3],
      reference: (x, w1, b1, w2, b2) =>
        reference.linear(reference.linear(x, w1!, 4, b1!).map(gelus[approximate]), w2!, 6, b2!),
    }),
  ),
  {
    name: 'Mlp with an inner norm',
    make: () => new Mlp({ inFeatures: 4, hiddenFeatures: 6, outFeatures: 3, normEps: 1e-5 }),
    input: [2, 2, 4],
    output: [2, 2, 3],
    reference: (x, w1, b1, g, b, w2, b2) => {
      const hidden = reference.linear(x, w1!, 4, b1!).map(reference.geluExact)
      return reference.linear(reference.layerNorm(hidden, g!, b!, 1e-5), w2!, 6, b2!)
    },
  },
  {
    name: 'PatchProjection',
    make: () => new PatchProjection(3, 5, 2),
    input: [2, 4, 12],
    output: [2, 4, 5],
    reference: (x, weight, bias) => reference.linear(x, weight!, 12, bias!),
  },
]

for (const [backend, describeHere] of BACKENDS) {
  describeHere(`layers on ${backend}`, () => {
    beforeAll(() => useBackend(backend))

    it.each(LAYERS)('$name', ({ make, input, output, reference: expected }) =>
      expectNoLeak(async () => {
        const layer = make()
        layer.initialize(1)
        // Not the zeros and ones that biases and norms start with.
        for (const [name, p] of layer.namedParameters()) {
          p.set(new Random(name.length).fillNormal(new Float32Array(p.size), 0.5, 0.1))
        }
        const x = draw(...input)
        const y = layer.forward(x)
        expect(y.shape).toEqual(output)
        const parameters = [...layer.namedParameters()].map(([, p]) => p.value)
        const want = expected(await float64(x), ...(await Promise.all(parameters.map(float64))))
        const got = await tensorData(y)
        // Sums of a dozen float32 products of order one.
        for (const [i, value] of want.entries()) expect(Math.abs(got[i]! - value)).toBeLessThan(3e-6)
        const { value, grads } = variableGrads(() => sum(layer.forward(x)), parameters)
        expect(Object.keys(grads)).toHaveLength(parameters.length)
        dispose([x, y, value, grads] as never)
        layer.dispose()
      }),
    )

    it('refuse what does not fit, and inputs before they have values', () =>
      expectNoLeak(() => {
        for (const { make, input } of LAYERS) {
          const layer = make()
          const x = zeros(input)
          expect(() => layer.forward(x)).toThrow(InvalidArgumentError)
          layer.initialize(1)
          const wide = zeros([...input.slice(0, -1), 7])
          expect(() => layer.forward(wide)).toThrow(InvalidArgumentError)
          dispose([x, wide])
          layer.dispose()
        }
      }))

    it('project patches of a picture as a convolution of that stride does', () =>
      expectNoLeak(async () => {
        const layer = new PatchProjection(2, 3, 2)
        layer.initialize(4)
        const picture = draw(1, 2, 4, 6)
        const out = tidy(() => layer.forward(unfold(picture, 2)))
        const [pixels, weight, got] = await Promise.all([picture, layer.weight.value, out].map(float64))
        for (let row = 0; row < 2; row++)
          for (let column = 0; column < 3; column++)
            for (let o = 0; o < 3; o++) {
              let total = 0
              for (let c = 0; c < 2; c++)
                for (let y = 0; y < 2; y++)
                  for (let z = 0; z < 2; z++) {
                    const pixel = pixels![(c * 4 + row * 2 + y) * 6 + column * 2 + z]!
                    total += pixel * weight![((o * 2 + c) * 2 + y) * 2 + z]!
                  }
              expect(got![(row * 3 + column) * 3 + o]).toBeCloseTo(total, 6)
            }
        dispose([picture, out])
        layer.dispose()
      }))

    it('Linear.forwardGelu works without bias', () =>
      expectNoLeak(async () => {
        const layer = new Linear(4, 3, { bias: false })
        layer.initialize(2)
        const x = draw(2, 4)
        const y = layer.forwardGelu(x)
        const want = reference.linear(await float64(x), await float64(layer.weight.value), 4)
        const got = await tensorData(y)
        for (const [i, value] of want.entries()) {
          expect(got[i]).toBeCloseTo(reference.geluExact(value), 6)
        }
        dispose([x, y])
        layer.dispose()
      }))
  })
}
