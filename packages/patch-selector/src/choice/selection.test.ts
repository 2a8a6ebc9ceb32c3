import { Random } from '@ps3js/tensor'
import { describe, expect, it } from 'vitest'
import { readFixture, unpackBits } from '../../test/recorded-cases.ts'
import { boxesToMap, patchBoxes, selectBoxes } from './boxes.ts'
import { forceGroundTruth } from './ground-truth.ts'
import { regionMaps } from './regions.ts'
import { resizeArea, resizeNearest } from './resample.ts'
import {
  countPatches,
  mapsToSelection,
  mergeLooks,
  patchesToSelection,
  requireDisjoint,
  selectionToMaps,
  selectionToPatches,
  subtractSelection,
  unionSelections,
} from './selection.ts'
import type { Box, PatchSelection } from './types.ts'

const grids = [
  { height: 5, width: 7 },
  { height: 10, width: 14 },
]
const select = (...indices: number[][]): PatchSelection => ({
  indices: indices.map((ids) => Int32Array.from(ids)),
})

describe('selections', () => {
  const first = select([1, 5], [0, 139])
  const second = select([0, 34], [70])

  it('join, subtract and count', () => {
    expect(unionSelections([first, second, first], grids)).toEqual(select([0, 1, 5, 34], [0, 70, 139]))
    expect(unionSelections([], grids)).toEqual(select([], []))
    expect(subtractSelection(unionSelections([first, second], grids), first)).toEqual(second)
    expect(countPatches(first)).toBe(4)
    requireDisjoint([first, second])
    expect(() => requireDisjoint([first, second, select([], [70])])).toThrow(/patch 70 of scale 2 is in two/)
    expect(() => unionSelections([select([35], [])], grids)).toThrow(/patch 35 of scale 1 is outside/)
  })

  it('merge looks into token order', () => {
    const looks = [first, second]
    const { selection, order } = mergeLooks(looks)
    const inLookOrder = looks.flatMap((look) => selectionToPatches(look, grids))
    expect(Array.from(order, (i) => inLookOrder[i]!)).toEqual(selectionToPatches(selection, grids))
    expect(() => mergeLooks([first, first])).toThrow(/in two selections/)
    expect(Array.from(mergeLooks([]).order)).toEqual([])
  })

  it('convert to maps, patches and boxes and back', () => {
    const random = new Random(2)
    for (let round = 0; round < 30; round++) {
      const sizes = [1 + random.integer(30), 1 + random.integer(30)]
      const odd = [
        { height: sizes[0]!, width: sizes[1]! },
        { height: sizes[0]! * 2, width: sizes[1]! * 2 },
      ]
      const maps = odd.map((grid) =>
        Uint8Array.from({ length: grid.height * grid.width }, () => random.integer(2)),
      )
      const selection = mapsToSelection(maps, odd)
      expect(selectionToMaps(selection, odd)).toEqual(maps)
      const patches = selectionToPatches(selection, odd)
      expect(patchesToSelection(random.shuffle([...patches, ...patches.slice(0, 3)]), odd)).toEqual(selection)
      const image = { height: 1 + random.integer(4000), width: 1 + random.integer(4000) }
      const boxes = patchBoxes(selection, odd, image)
      expect(boxes.map(({ box: _, ...patch }) => patch)).toEqual(patches)
      odd.forEach((_, s) => {
        const ofScale = boxes.filter((patch) => patch.scale === s + 1).map((patch) => patch.box)
        expect(selectBoxes(ofScale, image, odd).indices[s]).toEqual(selection.indices[s])
      })
    }
    expect(() => patchesToSelection([{ scale: 3, row: 0, column: 0 }], grids)).toThrow(
      /scale 3 does not exist/,
    )
    expect(() => patchesToSelection([{ scale: 1, row: 5, column: 0 }], grids)).toThrow(/outside scale 1/)
  })

  it('read regions in any form', () => {
    const image = { height: 50, width: 70 }
    const box: Box = [11, 11, 19, 19]
    const maps = regionMaps([box], grids, image)
    expect(mapsToSelection(maps, grids)).toEqual(select([8], [30, 31, 44, 45]))
    expect(regionMaps(mapsToSelection(maps, grids), grids)).toEqual(maps)
    expect(regionMaps(maps, grids)).toBe(maps)
    expect(() => regionMaps([box], grids)).toThrow(/imageSize/)
  })
})

describe('boxes', () => {
  interface RecordedBoxes {
    image: [number, number]
    size: number
    boxes: Box[]
    resized: Box[]
    plain: boolean
    map: string
  }

  it.each(readFixture<RecordedBoxes[]>('boxes.json'))('$boxes in $image become the recorded map', (row) => {
    const map = { height: row.size, width: row.size }
    const expected = unpackBits(row.map, row.size * row.size)
    expect(boxesToMap(row.resized, map, map).data).toEqual(expected)
    // Whole-number boxes are truncated while resizing, and crops move them; float boxes of the whole picture scale here.
    if (!row.plain) return
    const image = { height: row.image[0], width: row.image[1] }
    expect(boxesToMap(row.boxes, image, map).data).toEqual(expected)
  })

  it('take the patch that a point lies in, also at the far edge', () => {
    const image = { height: 50, width: 70 }
    expect(selectBoxes([[70, 50, 70, 50]], image, grids)).toEqual(select([34], [139]))
    expect(selectBoxes([[10, 10, 10, 10]], image, grids)).toEqual(select([8], [30]))
    expect(selectBoxes([[-5, -5, 10, 10]], image, grids)).toEqual(select([0], [0, 1, 14, 15]))
    expect(selectBoxes([], image, grids)).toEqual(select([], []))
  })

  it('refuse what is no box of the picture', () => {
    const image = { height: 50, width: 70 }
    const wrong: [Box, RegExp][] = [
      [[0, 0, Number.NaN, 5], /four finite numbers/],
      [[0, 0, Number.POSITIVE_INFINITY, 5], /four finite numbers/],
      [[9, 0, 8, 5], /ends before it starts/],
      [[71, 0, 80, 5], /outside the picture of 70 x 50/],
      [[-9, -9, -1, -1], /outside the picture/],
      [[1, 2, 3] as unknown as Box, /four finite numbers/],
    ]
    for (const [box, message] of wrong) {
      expect(() => boxesToMap([box], image, grids[0]!)).toThrow(message)
      expect(() => selectBoxes([box], image, grids)).toThrow(message)
    }
  })
})

describe('ground truth', () => {
  const map = { height: 3, width: 3, data: new Float32Array(9).fill(0.5) }

  it('goes through the first scale, cell by cell, in any type', () => {
    // One pixel in the corner of a 10 x 14 picture touches one cell of 5 x 7 and that cell's four patches of 10 x 14.
    const data = new Float32Array(140)
    data[0] = 0.01
    const forced = forceGroundTruth(map, grids, { height: 10, width: 14, data })
    expect(forced.map((m) => Array.from(m.data.keys()).filter((i) => m.data[i] === 1))).toEqual([
      [0],
      [0, 1, 14, 15],
    ])
    for (const other of [Uint8Array.from(data, Math.ceil), Array.from(data, (v) => v > 0)]) {
      expect(forceGroundTruth(map, grids, { height: 10, width: 14, data: other })).toEqual(forced)
    }
  })

  it('refuses maps that are no regions', () => {
    const region = { height: 1, width: 2, data: [0, -1] }
    expect(() => forceGroundTruth(map, grids, region)).toThrow(/-1 at row 0, column 1/)
    expect(() => forceGroundTruth(map, grids, { ...region, data: [0] })).toThrow(/1 values; 1 x 2 need 2/)
    expect(() => forceGroundTruth(map, grids, { ...region, data: [0, Number.NaN] })).toThrow(/NaN/)
  })
})

describe('resizing', () => {
  it('copies and averages', () => {
    const map = { height: 2, width: 3, data: Float32Array.of(0, 1, 2, 3, 4, 5) }
    expect(Array.from(resizeNearest(map, { height: 1, width: 6 }).data)).toEqual([0, 0, 1, 1, 2, 2])
    expect(Array.from(resizeArea(map, { height: 1, width: 2 }).data)).toEqual([2, 3])
    expect(Array.from(resizeArea(map, { height: 4, width: 3 }).data)).toEqual([
      0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5,
    ])
  })
})
