// Names, loading and freeing of modules.
import { beforeAll, describe, expect, it } from 'vitest'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { tensorData, useBackend } from '../backend/index.ts'
import { CheckpointError, InvalidArgumentError } from '../errors.ts'
import { memory, zeros } from '../tf.ts'
import {
  alignedFloat32,
  LayerNorm,
  Linear,
  Mlp,
  Module,
  normalInitializer,
  Parameter,
  stateDictSource,
} from './index.ts'

class Block extends Module {
  readonly attn_norm: LayerNorm
  readonly mlp: Mlp
  readonly ls_1: Parameter | null = null
  readonly eps = 1e-6
  readonly #hidden = new Parameter([1], normalInitializer(1))

  constructor(width: number) {
    super()
    this.attn_norm = new LayerNorm(width, this.eps)
    this.mlp = new Mlp({ inFeatures: width, hiddenFeatures: 2 * width, outFeatures: width })
  }

  get hidden(): Parameter {
    return this.#hidden
  }
}

class Model extends Module {
  readonly cls_token = new Parameter([1, 3], normalInitializer(1))
  readonly blocks: Block[]
  readonly head: [Linear, LayerNorm | null, Linear]
  readonly logit_scale = new Parameter([], normalInitializer(1))
  readonly missing = null
  readonly sizes = { width: 3 }

  constructor(depth: number) {
    super()
    this.blocks = Array.from({ length: depth }, () => new Block(3))
    this.head = [new Linear(3, 2), null, new Linear(2, 4, { bias: false })]
  }
}

const blockNames = (i: number) =>
  [
    'attn_norm.weight',
    'attn_norm.bias',
    'mlp.fc1.weight',
    'mlp.fc1.bias',
    'mlp.fc2.weight',
    'mlp.fc2.bias',
  ].map((name) => `blocks.${i}.${name}`)
const MODEL_NAMES = [
  'cls_token',
  ...blockNames(0),
  ...blockNames(1),
  'head.0.weight',
  'head.0.bias',
  'head.2.weight',
  'logit_scale',
]

const names = (module: Module) => [...module.namedParameters()].map(([name]) => name)

async function valuesOf(module: Module): Promise<Record<string, number[]>> {
  const entries = Object.entries(module.stateDict()).map(async ([name, value]) => [
    name,
    [...(await tensorData(value))],
  ])
  return Object.fromEntries(await Promise.all(entries))
}

/** Arrays that fit `model`, by name. */
function arraysFor(model: Module, value = 0.5) {
  return Object.fromEntries(
    [...model.namedParameters()].map(([name, { shape, size }]) => [
      name,
      { shape, values: new Float32Array(size).fill(value) },
    ]),
  )
}

describe('Module', () => {
  beforeAll(() => useBackend('wasm'))

  it('names parameters by property path, through arrays, past null and private ones', () => {
    const model = new Model(2)
    expect(names(model)).toEqual(MODEL_NAMES)
    expect([...new Block(3).namedParameters('trunk')].map(([name]) => name)[0]).toBe('trunk.attn_norm.weight')
    expect(model.parameterCount).toBe(3 + 1 + 2 * (3 + 3 + 18 + 6 + 18 + 3) + 6 + 2 + 8)
  })

  it('is built for nothing: no tensor before it gets values', () => {
    const before = memory().numTensors
    const model = new Model(3)
    expect(memory().numTensors).toBe(before)
    const { weight } = model.head[0]
    expect(weight.hasValue).toBe(false)
    expect(() => weight.value).toThrow(InvalidArgumentError)
    expect(() => weight.value).toThrow('[2,3] has no values yet')
    expect(() => model.stateDict()).toThrow(InvalidArgumentError)
    model.dispose()
  })

  it('frees everything, however often it got values', () =>
    expectNoLeak(async () => {
      const before = memory().numTensors
      const model = new Model(1)
      model.initialize(1)
      model.initialize(2)
      await model.loadStateDict(stateDictSource(arraysFor(model)))
      expect(memory().numTensors - before).toBe(names(model).length)
      model.dispose()
      model.dispose()
      expect(memory().numTensors).toBe(before)
      model.initialize(3)
      model.dispose()
    }))

  it('starts each parameter from seed and name, so that another layer changes no other', () =>
    expectNoLeak(async () => {
      const models = [new Model(1), new Model(2), new Model(1)] as const
      models[0].initialize(11)
      models[1].initialize(11)
      models[2].initialize(12)
      const [one, two, other] = await Promise.all(models.map(valuesOf))
      for (const [name, values] of Object.entries(one!)) expect(two![name], name).toEqual(values)
      expect(two!['blocks.1.mlp.fc1.weight']).not.toEqual(two!['blocks.0.mlp.fc1.weight'])
      expect(other!['head.0.weight']).not.toEqual(one!['head.0.weight'])
      expect(one!['head.0.bias']).toEqual([0, 0])
      expect(one!['blocks.0.attn_norm.weight']).toEqual([1, 1, 1])
      for (const model of models) model.dispose()
    }))

  it('loads what another one holds, and the copy lives on its own', () =>
    expectNoLeak(async () => {
      const [from, to] = [new Model(2), new Model(2)]
      from.initialize(5)
      const before = await valuesOf(from)
      const progress: [string, number, number][] = []
      await to.loadStateDict(stateDictSource(from.stateDict()), {
        onProgress: ({ name, loaded, total }) => progress.push([name, loaded, total]),
      })
      expect(progress.map(([name]) => name)).toEqual(names(to))
      expect(progress.at(-1)).toEqual([names(to).at(-1), to.parameterCount, to.parameterCount])
      from.initialize(6)
      from.dispose()
      expect(await valuesOf(to)).toEqual(before)
      to.dispose()
    }))

  it('lists all missing, unexpected and misshaped names at once, and changes nothing', () =>
    expectNoLeak(async () => {
      const model = new Model(1)
      model.initialize(1)
      const before = await valuesOf(model)
      const { 'head.0.bias': _1, cls_token: _2, ...arrays } = arraysFor(model)
      const three = { shape: [3], values: new Float32Array(3) }
      const source = stateDictSource({
        ...arrays,
        'head.0.weight': { shape: [3, 2], values: new Float32Array(6) },
        logit_scale: { shape: [1], values: new Float32Array(1) },
        'blocks.9.bias': three,
        'optimizer.step': three,
        extra: three,
      })
      const ignore = (name: string) => name.startsWith('optimizer.')
      const error = await model.loadStateDict(source, { ignore }).catch((e: unknown) => e)
      expect(error).toBeInstanceOf(CheckpointError)
      expect((error as Error).message.split('\n')).toEqual([
        'the checkpoint does not fit this model:',
        '  missing: cls_token',
        '  missing: head.0.bias',
        '  unexpected: blocks.9.bias',
        '  unexpected: extra',
        '  wrong shape: head.0.weight is [3,2], the model wants [2,3]',
        '  wrong shape: logit_scale is [1], the model wants []',
        'check that config.json belongs to these weights',
      ])
      expect(await valuesOf(model)).toEqual(before)
      model.dispose()
    }))

  it.each([Number.NaN, Infinity, -Infinity])('names a tensor that holds %s', (value) =>
    expectNoLeak(async () => {
      const model = new Model(1)
      const arrays = arraysFor(model)
      arrays['blocks.0.mlp.fc2.weight']!.values[17] = value
      const loading = model.loadStateDict(stateDictSource(arrays))
      await expect(loading).rejects.toThrow(CheckpointError)
      await expect(loading).rejects.toThrow('"blocks.0.mlp.fc2.weight" holds NaN or infinite')
      model.dispose()
    }),
  )

  it('takes the largest floats for finite', () =>
    expectNoLeak(async () => {
      const model = new Model(1)
      await model.loadStateDict(stateDictSource(arraysFor(model, 3.4e38)))
      model.dispose()
    }))

  it('stops between tensors when it is told to', () =>
    expectNoLeak(async () => {
      const model = new Model(1)
      const controller = new AbortController()
      const loading = model.loadStateDict(stateDictSource(arraysFor(model)), {
        signal: controller.signal,
        onProgress: ({ name }) => {
          if (name === 'cls_token') controller.abort(new Error('enough'))
        },
      })
      await expect(loading).rejects.toThrow('enough')
      expect(model.cls_token.hasValue).toBe(true)
      expect(model.head[0].weight.hasValue).toBe(false)
      model.dispose()
    }))
})

describe('Parameter', () => {
  beforeAll(() => useBackend('wasm'))

  it('keeps its tensor when it gets new values, so that optimizers and tapes find it', () =>
    expectNoLeak(async () => {
      const parameter = new Parameter([2, 2], normalInitializer(1))
      parameter.set(Float32Array.of(1, 2, 3, 4))
      const { value } = parameter
      parameter.set(Float32Array.of(5, 6, 7, 8))
      expect(parameter.value).toBe(value)
      const flat = zeros([4])
      parameter.set(flat)
      flat.dispose()
      expect([...(await tensorData(value))]).toEqual([0, 0, 0, 0])
      expect(value.shape).toEqual([2, 2])
      parameter.dispose()
    }))

  it('refuses another number of values, or another type', () =>
    expectNoLeak(() => {
      const parameter = new Parameter([2, 2], normalInitializer(1))
      const set = () => parameter.set(new Float32Array(3))
      expect(set).toThrow(InvalidArgumentError)
      expect(set).toThrow('[2,2] cannot take 3 values')
      const integers = zeros([2, 2], 'int32')
      expect(() => parameter.set(integers)).toThrow('float32 values, got a tensor of int32')
      integers.dispose()
    }))
})

describe('alignedFloat32', () => {
  it.each([0, 1, 16_383, 16_384, 100_000])('gives %i zeros of its own', (length) => {
    const values = alignedFloat32(length)
    expect(values).toHaveLength(length)
    expect(values.every((value) => value === 0)).toBe(true)
    expect(values.byteOffset + values.byteLength).toBe(values.buffer.byteLength)
    // A large buffer starts at 16 mod 64 (see the source), so its data is at 0 mod 64.
    expect(values.byteOffset).toBe(length < 16_384 ? 0 : 48)
  })
})
