// The scoring half on its own: someone else's hidden states in, probabilities out. Agreement with the reference's
// recorded probabilities is proved where its checkpoints load, in the encoder.
import {
  dispose,
  InvalidArgumentError,
  linear,
  mul,
  Random,
  slice,
  stack,
  sum,
  type Tensor,
  tensor,
  tensorData,
  tidy,
  unfold,
  unstack,
  useBackend,
  valueAndGrads,
  zeros,
} from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { SelectionHead, type SelectionHeadConfig, type SelectionInput } from './index.ts'

const WIDTH = 6
const SCALES = 3
const DETAIL = 5
const config: SelectionHeadConfig = { width: WIDTH, numFeatureLayers: 2, numHighResScales: SCALES }
const highRes = { hiddenDim: 4, outDim: DETAIL, depth: 1, kernelSize: 2 }
// 5x5 patches of detail pool to 2x3 cells through uneven, overlapping windows.
const grid = { height: 2, width: 3 }
const SIDE = 5

const random = new Random(3)
const normal = (...shape: number[]): Tensor =>
  tensor(random.fillNormal(new Float32Array(shape.reduce((a, b) => a * b, 1))), shape)

function inputFor(batch: number, detail: boolean): SelectionInput {
  return {
    hiddenStates: [normal(batch, 6, WIDTH), normal(batch, 6, WIDTH)],
    grid,
    ...(detail ? { picturePatches: normal(batch, SIDE * SIDE, 12) } : {}),
  }
}

const tensorsOf = ({ hiddenStates, picturePatches }: SelectionInput) => [
  ...hiddenStates,
  ...(picturePatches ? [picturePatches] : []),
]

/** A head whose parameters all matter: the layer scale starts at 1e-6, biases at zero. */
function makeHead(detail: boolean): SelectionHead {
  const head = new SelectionHead(detail ? { ...config, highRes } : config)
  for (const [name, p] of head.namedParameters()) {
    p.set(new Random(name.length).fillNormal(new Float32Array(p.size), 0.4, 0.1))
  }
  return head
}

function score(head: SelectionHead, input: SelectionInput, prompt?: Tensor): Tensor {
  return tidy(() => head.probabilities(head.features(input), prompt))
}

describe.each([
  ['hidden states alone', false],
  ['hidden states and the picture', true],
] as const)('SelectionHead from %s', (_, detail) => {
  beforeAll(() => useBackend('wasm'))

  it('gives a map in (0, 1) per sample, by the prior prompt or by a given one', () =>
    expectNoLeak(async () => {
      const head = makeHead(detail)
      const input = inputFor(2, detail)
      const prompt = normal(2, WIDTH)
      const maps = [score(head, input), score(head, input, prompt)]
      for (const map of maps) {
        expect(map.shape).toEqual([2, 2, 3])
        // Five times a cosine at most.
        const bound = 1 / (1 + Math.exp(-5.0001))
        for (const p of await tensorData(map)) expect(p >= 1 - bound && p <= bound).toBe(true)
      }
      const [prior, asked] = await Promise.all(maps.map((map) => tensorData(map)))
      expect([...prior!]).not.toEqual([...asked!])
      dispose([...maps, ...tensorsOf(input), prompt])
      head.dispose()
    }))

  it('is unmoved by the prompt’s length, and by the other samples', () =>
    expectNoLeak(async () => {
      const head = makeHead(detail)
      const both = inputFor(2, detail)
      const prompt = normal(2, WIDTH)
      const [whole, longer, first] = tidy(() => {
        const only = (x: Tensor) => slice(x, 0, 1)
        const single: SelectionInput = {
          hiddenStates: both.hiddenStates.map(only),
          grid,
          ...(both.picturePatches ? { picturePatches: only(both.picturePatches) } : {}),
        }
        return [
          score(head, both, prompt),
          // A cosine; the projected prompt of the detail path has a bias, so there only the short way is tried.
          score(head, both, detail ? prompt : mul(prompt, 7)),
          score(head, single, only(prompt)),
        ]
      }) as [Tensor, Tensor, Tensor]
      const values = await Promise.all([whole, longer, first].map((map) => tensorData(map)))
      // Logits of size five, a handful of roundings each.
      values[0]!.forEach((p, i) => {
        expect(Math.abs(p - values[1]![i]!)).toBeLessThan(2e-6)
      })
      values[2]!.forEach((p, i) => {
        expect(Math.abs(p - values[0]![i]!)).toBeLessThan(2e-6)
      })
      dispose([whole, longer, first, prompt, ...tensorsOf(both)])
      head.dispose()
    }))

  it('keeps features for other prompts', () =>
    expectNoLeak(async () => {
      const head = makeHead(detail)
      const input = inputFor(1, detail)
      const features = head.features(input)
      expect(features.lowRes.shape).toEqual([1, 6, WIDTH])
      expect(features.highRes?.shape).toEqual(detail ? [1, SIDE * SIDE, DETAIL] : undefined)
      const squares = tidy(() => sum(mul(features.lowRes, features.lowRes), -1))
      for (const square of await tensorData(squares)) expect(square).toBeCloseTo(1, 5)
      const prompts = [normal(1, WIDTH), normal(1, WIDTH)]
      for (const prompt of prompts) {
        const [kept, anew] = [head.probabilities(features, prompt), score(head, input, prompt)]
        expect([...(await tensorData(kept))]).toEqual([...(await tensorData(anew))])
        dispose([kept, anew])
      }
      dispose([features.lowRes, squares, ...(features.highRes ? [features.highRes] : []), ...prompts])
      dispose(tensorsOf(input))
      head.dispose()
    }))

  it('scores several prompts of each picture as one by one', () =>
    expectNoLeak(async () => {
      const head = makeHead(detail)
      const input = inputFor(2, detail)
      const features = head.features(input)
      const prompts = normal(2, 3, WIDTH)
      const together = head.probabilities(features, prompts)
      expect(together.shape).toEqual([2, 3, 2, 3])
      const apart = tidy(() =>
        stack(
          unstack(prompts, 1).map((prompt) => head.probabilities(features, prompt)),
          1,
        ),
      )
      const [all, single] = await Promise.all([together, apart].map((map) => tensorData(map)))
      // Logits of size five, a handful of roundings each.
      all!.forEach((p, i) => {
        expect(Math.abs(p - single![i]!)).toBeLessThan(2e-6)
      })
      dispose([together, apart, prompts, features.lowRes, ...(features.highRes ? [features.highRes] : [])])
      dispose(tensorsOf(input))
      head.dispose()
    }))

  it('trains: gradients reach every parameter of scale 1, and exactly none of the other scales', () =>
    expectNoLeak(async () => {
      const head = makeHead(detail)
      const input = inputFor(2, detail)
      const weights = normal(2, 2, 3)
      const names = [...head.namedParameters()].map(([name]) => name)
      const values = [...head.namedParameters()].map(([, p]) => p.value)
      const loss = () => tidy(() => sum(mul(score(head, input), weights)))
      const { value, grads } = valueAndGrads((..._: Tensor[]) => loss())(values)
      for (const [i, name] of names.entries()) {
        const gradient = await tensorData(grads[i]!)
        const perScale = /^(selection_feature_proj\.fc2|prompt_proj_for_highres)\./.test(name)
        const used = gradient.length / (perScale ? SCALES : 1)
        expect(gradient.every(Number.isFinite), name).toBe(true)
        expect(
          gradient.subarray(0, used).some((g) => g !== 0),
          name,
        ).toBe(true)
        expect(
          gradient.subarray(used).every((g) => g === 0),
          name,
        ).toBe(true)
      }

      // Along the gradient the loss rises by the gradient's length per step of one. The step changes it by 1e-2:
      // float32 rounding of a loss near one (several times 6e-8) is 1e-4 of that, and the series' next term is less.
      const length = Math.sqrt(
        (await Promise.all(grads.map((g) => tensorData(g)))).reduce(
          (t, g) => t + g.reduce((a, b) => a + b * b, 0),
          0,
        ),
      )
      const h = 1e-2 / length
      const originals = await Promise.all(values.map(async (v) => (await tensorData(v)).slice()))
      const moved = async (step: number) => {
        for (const [i, [, p]] of [...head.namedParameters()].entries()) {
          const gradient = await tensorData(grads[i]!)
          p.set(originals[i]!.map((v, j) => v + (step / length) * gradient[j]!))
        }
        const at = loss()
        const [result] = await tensorData(at)
        at.dispose()
        return result!
      }
      const slope = ((await moved(h)) - (await moved(-h))) / (2 * h)
      expect(Math.abs(slope / length - 1)).toBeLessThan(5e-3)
      dispose([value, ...grads, weights, ...tensorsOf(input)])
      head.dispose()
    }))

  it('passes gradients on to the prompt and the hidden states', () =>
    expectNoLeak(async () => {
      const head = makeHead(detail)
      const input = inputFor(1, detail)
      const prompt = normal(1, WIDTH)
      const { value, grads } = valueAndGrads((p: Tensor, first: Tensor, second: Tensor) =>
        sum(score(head, { ...input, hiddenStates: [first, second] }, p)),
      )([prompt, ...input.hiddenStates])
      for (const g of grads) expect((await tensorData(g)).some((v) => v !== 0)).toBe(true)
      dispose([value, ...grads, prompt, ...tensorsOf(input)])
      head.dispose()
    }))
})

describe('SelectionHead refuses', () => {
  beforeAll(() => useBackend('wasm'))

  const states = (...shapes: number[][]) => shapes.map((shape) => zeros(shape))
  const fitting = () => states([2, 6, WIDTH], [2, 6, WIDTH])

  it.each<[string, () => SelectionInput, string]>([
    ['a layer too few', () => ({ hiddenStates: states([2, 6, WIDTH]), grid }), 'reads 2 layers, got 1'],
    [
      'another width',
      () => ({ hiddenStates: states([2, 6, WIDTH], [2, 6, 5]), grid }),
      'hidden states 1 are [2, 6, 5], expected [2, 6, 6] for a grid of 2x3',
    ],
    [
      'another grid',
      () => ({ hiddenStates: fitting(), grid: { height: 3, width: 3 } }),
      'hidden states 0 are [2, 6, 6], expected [2, 9, 6] for a grid of 3x3',
    ],
    ['no picture', () => ({ hiddenStates: fitting(), grid }), 'pass picturePatches'],
    [
      'fewer pictures',
      () => ({ hiddenStates: fitting(), grid, picturePatches: zeros([1, 25, 12]) }),
      'hidden states of 2 pictures, but picturePatches of 1',
    ],
    [
      'a picture that is no square',
      () => ({ hiddenStates: fitting(), grid, picturePatches: zeros([2, 24, 12]) }),
      'patches are [2, 24, 12], expected [B, S*S, 3*k*k]',
    ],
    [
      'patches of another size',
      () => ({ hiddenStates: fitting(), grid, picturePatches: zeros([2, 25, 27]) }),
      'patches of 27 values do not fit a weight of [4, 3, 2, 2]',
    ],
  ])('%s', (_, make, message) =>
    expectNoLeak(() => {
      const head = makeHead(true)
      const input = make()
      expect(() => head.features(input)).toThrow(InvalidArgumentError)
      expect(() => head.features(input)).toThrow(message)
      dispose(tensorsOf(input))
      head.dispose()
    }),
  )

  it.each([[[1, WIDTH]], [[2, 5]], [[2, WIDTH, 1]], [[WIDTH]]])('a prompt of [%s]', (shape) =>
    expectNoLeak(() => {
      const head = makeHead(false)
      const input = inputFor(2, false)
      const features = head.features(input)
      const prompt = zeros(shape)
      expect(() => head.probabilities(features, prompt)).toThrow(InvalidArgumentError)
      expect(() => head.probabilities(features, prompt)).toThrow(`expected [2, ${WIDTH}]`)
      dispose([features.lowRes, prompt, ...tensorsOf(input)])
      head.dispose()
    }),
  )
})

it('scores the hidden states of another encoder', () =>
  expectNoLeak(async () => {
    await useBackend('wasm')
    // Any encoder will do: here patches of a 6x9 picture through two layers of its own.
    const picture = normal(1, 3, 6, 9)
    const layers = [normal(WIDTH, 27), normal(WIDTH, WIDTH)] as const
    const first = tidy(() => linear(unfold(picture, 3), layers[0]))
    const second = linear(first, layers[1])
    const head = new SelectionHead(config)
    head.initialize(1)
    const probabilities = score(head, { hiddenStates: [first, second], grid })
    expect(probabilities.shape).toEqual([1, 2, 3])
    expect((await tensorData(probabilities)).every((p) => p > 0 && p < 1)).toBe(true)
    dispose([picture, ...layers, first, second, probabilities])
    head.dispose()
  }))
