// Projectors, prompt heads and positions against recorded outputs of VILA; high-res tokens against the whole map.
import {
  add,
  dispose,
  gatherRows,
  grads,
  mul,
  Random,
  reshape,
  type SafetensorsFile,
  slice,
  sub,
  sum,
  type Tensor,
  tensor,
  tensorData,
  tidy,
  useBackend,
} from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { BACKENDS } from '../../../tools/backends.ts'
import { expectNoLeak, largestDifference } from '../../../tools/test-support.ts'
import { Connector, type ConnectorConfig, mergeBlocks } from './index.ts'
import { readCase, recordedConnector } from './recorded.fixture.ts'

const TYPES = [
  'identity',
  'linear',
  'mlp2x_gelu',
  'mlp3x_gelu',
  'mlp_downsample',
  'mlp_downsample_2x2_fix',
  'mlp_downsample_3x3_fix',
  'mlp_downsample_3x3_s2',
  'mlp_downsample_3x3_s2_new',
  'mlp_downsample_head_linear',
  'mlp_downsample_head_mlp',
]
const HEADS = TYPES.slice(-2)

// Outputs up to 10 out of sums over at most 216 products.
const TOLERANCE = 2e-5

const normal = (shape: number[], seed: number) =>
  tensor(new Random(seed).fillNormal(new Float32Array(shape.reduce((a, b) => a * b, 1))), shape)

for (const [backend, describeBackend] of BACKENDS) {
  describeBackend(`recorded projectors on ${backend}`, () => {
    beforeAll(() => useBackend(backend))

    it.each(TYPES)('%s', async (name) => {
      const { tensors } = await readCase(name)
      await expectNoLeak(async () => {
        const connector = await recordedConnector(name, { places: false })
        for (const side of [4, 5, 6, 7, 9]) {
          const input = await readTensor(tensors, `in.${side}`)
          const got = connector.lowRes(input, { height: side, width: side })
          expect(got.shape).toEqual(tensors.info(`out.${side}`).shape)
          const difference = largestDifference(
            await tensorData(got),
            await tensors.readFloat32(`out.${side}`),
          )
          expect(difference, `side ${side}`).toBeLessThan(TOLERANCE)
          dispose([input, got])
        }
        connector.dispose()
      })
    })

    it.each(HEADS)('the prompt head of %s', async (name) => {
      const { tensors } = await readCase(name)
      await expectNoLeak(async () => {
        const connector = await recordedConnector(name, { places: false })
        const states = await readTensor(tensors, 'prompt_head.in')
        const prompt = connector.prompt(states)
        expect(prompt.shape).toEqual(tensors.info('prompt_head.out').shape)
        const want = await tensors.readFloat32('prompt_head.out')
        expect(largestDifference(await tensorData(prompt), want)).toBeLessThan(TOLERANCE)
        dispose([states, prompt])
        connector.dispose()
      })
    })

    it.each(HEADS)('positions and the scale of %s', async (name) => {
      const { tensors } = await readCase(name)
      await expectNoLeak(async () => {
        const [placed, bare] = [
          await recordedConnector(name, { places: true }),
          await recordedConnector(name, { places: false }),
        ]
        const scale = await tensors.readFloat32('w.high_res_scale_embed.0')
        for (const side of [2, 3, 4, 7]) {
          const grid = { height: 2 * side, width: 2 * side }
          const input = normal([1, 4 * side * side, placed.config.visionWidth], side)
          const added = tidy(() => sub(placed.lowRes(input, grid), bare.lowRes(input, grid)))
          const want = (await tensors.readFloat32(`pos_embed_area.${side}`)).map(
            (x, i) => x + scale[i % scale.length]!,
          )
          expect(largestDifference(await tensorData(added), want), `side ${side}`).toBeLessThan(TOLERANCE)
          dispose([input, added])
        }
        for (const connector of [placed, bare]) connector.dispose()
      })
    })

    it('lays patches of a block side by side in the recorded order', async () => {
      const { tensors } = await readCase('merge_order')
      const blocks = [
        ['DownSampleBlock', 2],
        ['DownSample2x2BlockFix', 2],
        ['DownSample3x3BlockFix', 3],
      ] as const
      for (const side of [4, 5]) {
        const input = await readTensor(tensors, `in.${side}`)
        for (const [name, block] of blocks) {
          const merged = mergeBlocks(input, { height: side, width: side }, block)
          expect([...(await tensorData(merged))]).toEqual([...(await tensors.readFloat32(`${name}.${side}`))])
          merged.dispose()
        }
        input.dispose()
      }
    })
  })
}

const readTensor = async (tensors: SafetensorsFile, name: string) =>
  tensor(await tensors.readFloat32(name), [...tensors.info(name).shape])

describe('high-res tokens', () => {
  beforeAll(() => useBackend('wasm'))

  const config = (projectorType: string): ConnectorConfig => ({
    projectorType,
    visionWidth: 6,
    hiddenSize: 10,
    promptHead: 'linear',
    positionGrid: 3,
    numScales: 3,
  })
  // Even and odd grids, and one that is no square.
  const grids = [
    { height: 6, width: 6 },
    { height: 7, width: 9 },
  ]

  it.each(['linear', 'mlp2x_gelu', 'mlp_downsample', 'mlp_downsample_3x3_fix'])(
    '%s: as the whole map gives them, where blocks are complete',
    async (type) => {
      await expectNoLeak(async () => {
        const connector = new Connector(config(type))
        connector.initialize(5)
        for (const p of [connector.high_res_pos_embed!, ...connector.high_res_scale_embed]) {
          p.set(new Random(p.size).fillNormal(new Float32Array(p.size)))
        }
        const random = new Random(8)
        const indices = grids.map(({ height, width }) =>
          Array.from({ length: height * width }, (_, i) => i).filter(() => random.uniform() < 0.9),
        )
        const taken = indices.reduce((total, { length }) => total + length, 0)
        const features = normal([taken, 6], 1)
        const low = normal([1, 4, 10], 2)
        const { tokens, cells, standIn } = connector.highRes(features, { grids, indices }, low)
        expect(standIn).toBe(false)
        expect(cells.every(({ length }) => length > 0)).toBe(true)
        const expected = tidy(() => wholeMap(connector, features, indices, cells))
        expect(tokens.shape).toEqual(expected.shape)
        const difference = largestDifference(await tensorData(tokens), await tensorData(expected))
        // The same products, in sums of another length.
        expect(difference).toBeLessThan(1e-5)
        dispose([features, low, tokens, expected])
        connector.dispose()
      })
    },
  )

  /** The reference's way: scatter into whole maps, project and place all of it, keep the complete cells. */
  function wholeMap(
    connector: Connector,
    features: Tensor,
    indices: number[][],
    cells: Int32Array[],
  ): Tensor {
    let start = 0
    const kept = grids.map((grid, i) => {
      const map = new Float32Array(grid.height * grid.width * 6)
      const values = features.dataSync()
      indices[i]!.forEach((index, at) => {
        map.set(values.subarray((start + at) * 6, (start + at + 1) * 6), index * 6)
      })
      start += indices[i]!.length
      const whole = connector.lowRes(tensor(map, [1, grid.height * grid.width, 6]), grid)
      const [from, to] = [
        connector.high_res_scale_embed[0]!.value,
        connector.high_res_scale_embed[i + 1]!.value,
      ]
      const moved = add(add(whole, to), mul(from, -1)) as Tensor
      return gatherRows(reshape(moved, [moved.shape[1]!, 10]), cells[i]!)
    })
    return kept.slice(1).reduce((a, b) => concatRows(a, b), kept[0]!)
  }

  const concatRows = (a: Tensor, b: Tensor) =>
    tensor(Float32Array.from([...a.dataSync(), ...b.dataSync()]), [a.shape[0]! + b.shape[0]!, 10])

  it('takes the first low-res token where no block is complete', async () => {
    await expectNoLeak(async () => {
      const connector = new Connector(config('mlp_downsample'))
      connector.initialize(5)
      const [features, low] = [normal([2, 6], 1), normal([1, 4, 10], 2)]
      const { tokens, standIn } = connector.highRes(features, { grids, indices: [[0], [3]] }, low)
      expect(standIn).toBe(true)
      expect([...(await tensorData(tokens))]).toEqual([...(await tensorData(low))].slice(0, 10))
      dispose([features, low, tokens])
      connector.dispose()
    })
  })

  it('passes gradients on to features, weights, positions and scales', async () => {
    await expectNoLeak(async () => {
      const connector = new Connector(config('mlp_downsample'))
      connector.initialize(5)
      const [features, low] = [normal([8, 6], 1), normal([1, 4, 10], 2)]
      const patches = {
        grids,
        indices: [
          [0, 1, 6, 7],
          [2, 3, 11, 12],
        ],
      }
      const run = (x: Tensor) => sum(mul(connector.highRes(x, patches, low).tokens, normal([2, 10], 3)))
      const [dx] = tidy(() => grads((x) => run(x!) as never)([features]))
      const at = 13
      const step = 1e-2
      const moved = (by: number) =>
        tidy(() => {
          const values = features.dataSync().slice()
          values[at]! += by
          return run(tensor(values, [8, 6])).dataSync()[0]!
        })
      const slope = (moved(step) - moved(-step)) / (2 * step)
      // A central difference over float32 sums of order 1.
      expect(Math.abs((await tensorData(dx!))[at]! - slope)).toBeLessThan(1e-2 * Math.max(1, Math.abs(slope)))
      dispose([features, low, dx!])
      connector.dispose()
    })
  })
})

describe('what is refused', () => {
  beforeAll(() => useBackend('wasm'))
  const base = { visionWidth: 6, hiddenSize: 10, promptHead: null, positionGrid: null, numScales: 0 } as const

  it('unknown projectors, features and patches that do not fit', () =>
    expectNoLeak(() => {
      expect(() => new Connector({ ...base, projectorType: 'qformer' })).toThrow(
        'unknown projector type "qformer"',
      )
      expect(() => new Connector({ ...base, projectorType: 'identity' })).toThrow('not 6 and 10')
      for (const [wrong, message] of [
        [{ numScales: -1 }, 'numScales is -1; it must be an integer of at least 0'],
        [{ positionGrid: -2 }, 'positionGrid is -2; it must be an integer of at least 1'],
        [{ promptHead: 'conv' as never }, 'promptHead is conv; there are linear, mlp and null'],
      ] as const)
        expect(() => new Connector({ ...base, projectorType: 'linear', ...wrong })).toThrow(message)
      const connector = new Connector({ ...base, projectorType: 'mlp_downsample' })
      connector.initialize(1)
      const features = normal([1, 16, 6], 1)
      const rows = reshape(features, [16, 6])
      const low = connector.lowRes(features, { height: 4, width: 4 })
      const grid = { height: 4, width: 4 }
      expect(() => connector.lowRes(features, { height: 4, width: 5 })).toThrow(
        '[1, 16, 6], expected [B, 20, 6]',
      )
      expect(() => connector.highRes(rows, { grids: [grid], indices: [[1, 2]] }, low)).toThrow(
        'expected [2, 6]',
      )
      const first = slice(rows, 0, 1)
      expect(() => connector.highRes(first, { grids: [grid], indices: [[16]] }, low)).toThrow(
        'patch 16 is not in the 4x4 grid',
      )
      expect(() => connector.prompt(rows)).toThrow('no top_down_prompt_head')
      dispose([features, rows, first, low])
      connector.dispose()
    }))
})
