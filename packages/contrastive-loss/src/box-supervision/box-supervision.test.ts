// Box supervision: the reference's values and gradients, with and without dice, and what is refused.
import {
  dispose,
  interpolate,
  ones,
  scalar,
  Tape,
  type Tensor,
  tensor3d,
  tensorData,
  tidy,
  useBackend,
  zeros,
} from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { BACKENDS } from '../../../../tools/backends.ts'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import {
  binaryCrossEntropy,
  binaryCrossEntropyAndDice,
  boxSupervisionLoss,
  dice,
  type MapLoss,
  type RegionMap,
  regionTargets,
} from '../index.ts'
import { expectClose, type Recorded, readRecorded } from '../recorded.fixture.ts'

/** The project's bar for float32. Every output is a sum of terms of one sign, so that it is reached value by value. */
const TOLERANCE = 1e-5

async function regionsOf(recorded: Recorded): Promise<RegionMap[]> {
  const [batch, height, width] = recorded.shape('gt_selection_maps') as [number, number, number]
  const maps = await recorded.values('gt_selection_maps')
  const cells = height * width
  return Array.from({ length: batch }, (_, i) => ({
    height,
    width,
    data: maps.subarray(i * cells, (i + 1) * cells),
  }))
}

const gridOf = ({ shape }: Tensor) => ({ height: shape[1]!, width: shape[2]! })

/** Recorded maps of probabilities, by scale. */
async function mapsOf(recorded: Recorded, prefix: string): Promise<[string, Tensor][]> {
  const names = recorded.names.filter((name) => name.startsWith(`${prefix}.`))
  return Promise.all(names.map(async (name) => [name, await recorded.tensor(name)] as [string, Tensor]))
}

function differentiate(
  probabilities: Tensor[] | Tensor,
  targets: Tensor[],
  isLocal: boolean[],
  weight: number,
  mapLoss?: MapLoss,
) {
  const tape = new Tape()
  const value = tape.record(() => boxSupervisionLoss({ probabilities, targets, isLocal, mapLoss }))
  const dy = scalar(weight)
  const gradients = tape.gradients([{ y: value, dy }], [probabilities].flat())
  dispose(dy)
  return { value, gradients: gradients as Tensor[] }
}

const CASES = [
  'ps3_loss_3scales',
  'ps3_loss_4scales',
  'ps3_loss_all_global',
  'ps3_loss_all_local',
  'ps3_loss_no_gt',
]

for (const [backend, describeHere] of BACKENDS) {
  describeHere(`box supervision on ${backend}`, () => {
    beforeAll(() => useBackend(backend))

    it.each(CASES)('%s', async (name) => {
      const recorded = await readRecorded(name)
      const { prior, topdown } = recorded.info.weights!
      const isGlobal = await recorded.values('is_global_text')
      const supervised = recorded.names.includes('gt_selection_maps')
      for (const [prefix, output, weight] of [
        ['bottomup_probs', 'prior_box_supervision_loss', prior],
        ['topdown_probs', 'posterior_box_supervision_loss', topdown],
      ] as const) {
        await expectNoLeak(async () => {
          const maps = await mapsOf(recorded, prefix)
          const probabilities = maps.map(([, map]) => map)
          const isLocal = [...isGlobal].map((global) => supervised && !global)
          const targets = supervised
            ? regionTargets(await regionsOf(recorded), probabilities.map(gridOf))
            : probabilities.map(({ shape }) => zeros(shape))
          const got = differentiate(probabilities, targets, isLocal, weight)
          const [value] = await tensorData(got.value)
          expect(Math.abs(value! * weight - (await recorded.values(output))[0]!)).toBeLessThan(TOLERANCE)
          for (const [i, [map]] of maps.entries()) {
            const gradient = `grad_${map}`
            if (recorded.names.includes(gradient)) {
              await expectClose(got.gradients[i]!, await recorded.values(gradient), TOLERANCE, gradient)
            } else expect((await tensorData(got.gradients[i]!)).every((x) => x === 0)).toBe(true)
          }
          dispose([probabilities, targets, got] as never)
        })
      }
    })

    it.each(['token_selection_loss_0', 'token_selection_loss_1'])(
      '%s: cross-entropy and dice',
      async (name) => {
        const recorded = await readRecorded(name)
        const regions = await regionsOf(recorded)
        await expectNoLeak(async () => {
          const maps = await mapsOf(recorded, 'probs')
          const probabilities = maps.map(([, map]) => map)
          const targets = regionTargets(regions, probabilities.map(gridOf))
          // There, samples without a region are left out.
          const isLocal = regions.map(({ data }) => Array.from(data).some((x) => x > 0))
          const got = differentiate(probabilities, targets, isLocal, 1, binaryCrossEntropyAndDice)
          await expectClose(got.value, await recorded.values('loss'), TOLERANCE)
          for (const [i, [map, probability]] of maps.entries()) {
            await expectClose(got.gradients[i]!, await recorded.values(`grad_${map}`), TOLERANCE, map)
            const one = { probabilities: [probability], targets: [targets[i]!], isLocal }
            const parts = [
              ['bce', boxSupervisionLoss({ ...one, mapLoss: binaryCrossEntropy })],
              ['dice', boxSupervisionLoss({ ...one, mapLoss: dice })],
            ] as const
            for (const [part, x] of parts) {
              await expectClose(x, await recorded.values(map.replace('probs', part)), TOLERANCE, part)
              x.dispose()
            }
          }
          dispose([probabilities, targets, got] as never)
        })
      },
    )

    it('repeats one map for all scales, as PS3 does', async () => {
      await expectNoLeak(async () => {
        const map = tensor3d([0.1, 0.9, 0.4, 0.6], [1, 2, 2])
        const half = {
          height: 8,
          width: 8,
          data: Float32Array.from({ length: 64 }, (_, i) => (i % 8 < 3 ? 1 : 0)),
        }
        const grids = [4, 8].map((side) => ({ height: side, width: side }))
        const targets = regionTargets([half], grids)
        const got = differentiate(map, targets, [true], 1)
        const repeated = grids.map(({ height, width }) => interpolate(map, height, width, 'nearest'))
        const want = differentiate(repeated, targets, [true], 1)
        await expectClose(got.value, await tensorData(want.value), 1e-6)
        const sums = tidy(() => want.gradients.map((g) => interpolate(g, 2, 2, 'area')))
        const [a, b] = [await tensorData(sums[0]!), await tensorData(sums[1]!)]
        // Area averages: times the cells that one value was repeated to.
        await expectClose(
          got.gradients[0]!,
          a.map((x, i) => 4 * x + 16 * b[i]!),
          TOLERANCE,
        )
        dispose([map, targets, got, repeated, want, sums] as never)
      })
    })

    it('takes no notice of samples with global captions', async () => {
      await expectNoLeak(async () => {
        const probabilities = [tensor3d([0.2, 0.7, 1, 0], [2, 1, 2])]
        const targets = [tensor3d([0, 1, 0, 1], [2, 1, 2])]
        const got = differentiate(probabilities, targets, [true, false], 1)
        await expectClose(got.value, [-(Math.log(0.8) + Math.log(0.7)) / 2], TOLERANCE)
        await expectClose(got.gradients[0]!, [1 / 0.8 / 2, -1 / 0.7 / 2, 0, 0], TOLERANCE)
        dispose([probabilities, targets, got] as never)
      })
    })
  })
}

describe('region targets', () => {
  beforeAll(() => useBackend('cpu'))

  it('are 1 where the area average is above 0, on any grid', async () => {
    // Also maps smaller than the grid, sizes that do not divide, and values between 0 and 1.
    for (const [height, width, seed] of [
      [7, 5, 1],
      [3, 4, 2],
      [16, 16, 3],
    ] as const) {
      const data = Float32Array.from({ length: height * width }, (_, i) =>
        (i * 7919 + seed) % 5 === 0 ? 0.01 : 0,
      )
      await expectNoLeak(async () => {
        const map = tensor3d(data, [1, height, width])
        for (const grid of [
          { height: 4, width: 6 },
          { height: 5, width: 3 },
        ]) {
          const [got] = regionTargets([{ height, width, data }], [grid]) as [Tensor]
          const area = interpolate(map, grid.height, grid.width, 'area')
          const want = (await tensorData(area)).map((x) => (x > 0 ? 1 : 0))
          expect([...(await tensorData(got))]).toEqual([...want])
          dispose([got, area])
        }
        map.dispose()
      })
    }
  })

  const grid = { height: 2, width: 2 }
  const region = (data: number[], height = 1) => ({ height, width: data.length / height, data })
  it.each([
    [[], [grid], 'no regions'],
    [[region([0, Number.NaN])], [grid], 'region 0 holds NaN at row 0, column 1'],
    [[region([0]), region([0, 1, 0, 2], 2)], [grid], 'region 1 holds 2 at row 1, column 1'],
    [[region([-0.5])], [grid], 'region 0 holds -0.5'],
    [[{ height: 2, width: 2, data: [0] }], [grid], 'region 0 is 2 x 2 with 1 values'],
    [[{ height: 0, width: 2, data: [] }], [grid], 'region 0 is 0 x 2'],
    [[region([0])], [{ height: 0, width: 2 }], 'a grid is 0 x 2'],
  ])('refuse what is no map: %#', async (regions, grids, message) => {
    await expectNoLeak(() => expect(() => regionTargets(regions, grids)).toThrow(message))
  })
})

describe('bad input of box supervision', () => {
  beforeAll(() => useBackend('cpu'))
  const local = (count: number) => Array.from({ length: count }, () => true)

  it.each([
    [() => ({ probabilities: [ones([2, 3, 3])], targets: [], isLocal: local(2) }), 'no targets'],
    [
      () => ({ probabilities: [], targets: [ones([2, 3, 3])], isLocal: local(2) }),
      'for 0 scales, targets for 1',
    ],
    [
      () => ({ probabilities: ones([2, 3]), targets: [ones([2, 3, 3])], isLocal: local(2) }),
      'scale 1 is [2,3]',
    ],
    [
      () => ({ probabilities: ones([1, 3, 3]), targets: [ones([2, 3, 3])], isLocal: local(2) }),
      'is [1,3,3], isLocal is for 2',
    ],
    [
      () => ({ probabilities: ones([2, 3, 3]), targets: [ones([2, 3, 3])], isLocal: local(3) }),
      'is [2,3,3], isLocal is for 3',
    ],
    [() => ({ probabilities: ones([0, 3, 3]), targets: [ones([0, 3, 3])], isLocal: [] }), 'is [0,3,3]'],
    [
      () => ({ probabilities: [ones([2, 3, 3])], targets: [ones([2, 3, 4])], isLocal: local(2) }),
      'at scale 1 probabilities are [2,3,3], targets [2,3,4]',
    ],
  ])('is refused: %#', async (make, message) => {
    const options = make()
    await expectNoLeak(() => expect(() => boxSupervisionLoss(options)).toThrow(message))
    dispose(options as never)
  })
})
