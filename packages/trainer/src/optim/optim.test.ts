// The optimiser against float64 arithmetic and PyTorch's recorded schedules; which parameters train, decay and are clipped.
import { readFileSync } from 'node:fs'
import { PS3Encoder, parseConfig } from '@ps3js/ps3-encoder'
import { dispose, mul, scalar, type Tensor, tensor1d, tensorData, useBackend } from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { tinyModelConfig } from '../run/tiny.fixture.ts'
import {
  adamW,
  applyValues,
  clampLogitScale,
  clipGradients,
  disposeAdamW,
  parameterGroups,
  schedule,
} from './index.ts'

beforeAll(() => useBackend('wasm'))

function tinyEncoder(): PS3Encoder {
  const { config, trunk } = tinyModelConfig
  const normalization = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }
  const encoder = new PS3Encoder({ config: parseConfig(config, trunk), normalization, contrastive: true })
  encoder.initialize(1)
  return encoder
}

const namesOf = (groups: ReturnType<typeof parameterGroups>) =>
  groups.flatMap(({ parameters }) => [...parameters.keys()])

describe('schedule', () => {
  it('gives the recorded rates', () => {
    const file = new URL('../../fixtures/schedules.json', import.meta.url)
    for (const { lr, warmup, steps, at, ...recorded } of JSON.parse(readFileSync(file, 'utf8'))) {
      const kinds = { cosine: 'cosine', const: 'constant', 'const-cooldown': 'cooldown' } as const
      for (const [name, kind] of Object.entries(kinds)) {
        const cooldownSteps = kind === 'cooldown' ? steps / 5 : undefined
        const rate = schedule({
          kind,
          learningRate: lr,
          warmupSteps: warmup,
          totalSteps: steps,
          cooldownSteps,
        })
        at.forEach((step: number, i: number) => {
          // The same formulas in double precision.
          expect(Math.abs(rate(step) - recorded[name][i])).toBeLessThanOrEqual(1e-12 * lr)
        })
      }
    }
  })

  it('refuses a cool-down that does not fit', () => {
    const run = { kind: 'cooldown', learningRate: 1, warmupSteps: 5, totalSteps: 10 } as const
    expect(() => schedule({ ...run, cooldownSteps: 6 })).toThrow(/6 steps after 5 of warm-up.*run of 10/)
    expect(() => schedule(run)).toThrow(/cooldownSteps between 1 and 5/)
    expect(() => schedule({ ...run, totalSteps: 4, cooldownSteps: 1 })).toThrow(
      /run of 4: give fewer warmupSteps/,
    )
  })
})

describe('parameterGroups', () => {
  it('lets matrices decay and gives the selection head its own rate', () =>
    expectNoLeak(() => {
      const encoder = tinyEncoder()
      const groups = parameterGroups(encoder, { weightDecay: 0.1, selectionRateFactor: 3 })
      expect(namesOf(groups).sort()).toEqual([...encoder.namedParameters()].map(([path]) => path).sort())
      const groupOf = (path: string) => groups.find(({ parameters }) => parameters.has(path))!
      const of = (path: string) => [groupOf(path).weightDecay, groupOf(path).rateFactor]
      expect(of('vision_model.trunk.pos_embed')).toEqual([0.1, 1])
      expect(of('vision_model.trunk.blocks.0.norm1.weight')).toEqual([0, 1])
      expect(of('vision_model.selector.prior_prompt')).toEqual([0, 3])
      expect(of('text_model.prompt_proj.fc1.weight')).toEqual([0.1, 3])
      expect(of('logit_scale')).toEqual([0, 1])
      encoder.dispose()
    }))

  it('freezes by pattern, under either name, and refuses a pattern without effect', () => {
    const encoder = tinyEncoder()
    const freeze = ['text_model.*', 'vision_model.prior_prompt']
    const names = namesOf(parameterGroups(encoder, { weightDecay: 0, freeze }))
    expect(names.length).toBeGreaterThan(10)
    expect(names.filter((name) => /^text_model|prior_prompt/.test(name))).toEqual([])
    const typo = { weightDecay: 0, freeze: ['text_modle.*'] }
    expect(() => parameterGroups(encoder, typo)).toThrow('"text_modle.*"')
    encoder.dispose()
  })
})

describe('adamW', () => {
  const [beta1, beta2, epsilon, learningRate, weightDecay] = [0.9, 0.95, 1e-8, 0.01, 0.1]

  it('takes the steps that float64 takes, and leaves parameters without a gradient alone', () =>
    expectNoLeak(async () => {
      const encoder = tinyEncoder()
      const path = 'text_model.positional_embedding'
      const groups = parameterGroups(encoder, { weightDecay })
      const parameter = new Map(encoder.namedParameters()).get(path)!
      const other = new Map(encoder.namedParameters()).get('vision_model.trunk.pos_embed')!
      const untouched = [...(await tensorData(other.value))]
      const want = Float64Array.from(await tensorData(parameter.value))
      const [m, v] = [new Float64Array(want.length), new Float64Array(want.length)]
      const optimizer = adamW({ betas: [beta1, beta2], epsilon })
      let state = optimizer.init()
      for (let step = 1; step <= 3; step++) {
        const gradient = mul(parameter.value, step) as Tensor
        const g = Float64Array.from(await tensorData(gradient))
        g.forEach((x, i) => {
          m[i] = beta1 * m[i]! + (1 - beta1) * x
          v[i] = beta2 * v[i]! + (1 - beta2) * x * x
          const size = learningRate / (1 - beta1 ** step)
          const root = Math.sqrt(v[i]! / (1 - beta2 ** step)) + epsilon
          want[i] = want[i]! * (1 - learningRate * weightDecay) - (size * m[i]!) / root
        })
        const next = optimizer.update(groups, new Map([[path, gradient]]), state, learningRate)
        state = next.state
        applyValues(groups, next.values)
      }
      const got = await tensorData(parameter.value)
      // Values of 0.01: three float32 steps round to a few 1e-9 each.
      expect(Math.max(...got.map((x, i) => Math.abs(x - want[i]!)))).toBeLessThan(1e-7)
      expect([...(await tensorData(other.value))]).toEqual(untouched)
      expect([...state.keys()]).toEqual([path])
      disposeAdamW(state)
      encoder.dispose()
    }))
})

describe('clipGradients', () => {
  it('scales all together to the wanted norm, and leaves smaller ones as they are', () =>
    expectNoLeak(async () => {
      const make = () =>
        new Map<string, Tensor>([
          ['a', tensor1d([3, 0])],
          ['b', tensor1d([0, 4])],
        ])
      const { gradients, norm } = clipGradients(make(), 1)
      expect(await tensorData(norm)).toEqual(Float32Array.of(5))
      // PyTorch divides by the norm plus 1e-6.
      expect((await tensorData(gradients.get('a')!))[0]).toBeCloseTo(3 / 5, 5)
      expect((await tensorData(gradients.get('b')!))[1]).toBeCloseTo(4 / 5, 5)
      const small = clipGradients(make(), 10)
      expect([...(await tensorData(small.gradients.get('b')!))]).toEqual([0, 4])
      dispose([norm, small.norm, ...gradients.values(), ...small.gradients.values()])
    }))
})

describe('clampLogitScale', () => {
  it.each([
    [7, Math.log(100)],
    [-1, 0],
    [2, 2],
  ])('%f becomes %f', async (from, to) => {
    await expectNoLeak(async () => {
      const encoder = tinyEncoder()
      const value = scalar(from)
      encoder.logit_scale!.set(value)
      clampLogitScale(encoder)
      expect((await tensorData(encoder.logit_scale!.value))[0]).toBeCloseTo(to, 6)
      value.dispose()
      encoder.dispose()
    })
  })
})
