// Segment-anything's grid, thresholds and crops, with a stand-in for its models whose masks are known: everything of the
// colour under the point (fixtures/sam/make.py).

import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ResourceError } from '@ps3js/tensor'
import sharp from 'sharp'
import { describe, expect, it, vi } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { type Box, intersectionOverUnion } from './boxes.ts'
import { put } from './engine.fixture.ts'
import { readPicture } from './picture.ts'
import { cropsOf, maskOf, SAM } from './sam-masks.ts'
import { samProposer } from './sam-proposer.ts'

const fixture = (name: string) => fileURLToPath(new URL(`../../fixtures/sam/${name}`, import.meta.url))
/** Points 80 pixels apart and, in crops, 50: at least one in every square. */
const models = { encoder: fixture('encoder.onnx'), decoder: fixture('decoder.onnx'), pointsPerSide: 8 }

/** Squares of different colours on grey. */
const squares: [colour: string, box: Box][] = [
  ['#ff0000', [40, 40, 120, 120]],
  ['#00ff00', [400, 60, 520, 160]],
  ['#0000ff', [100, 300, 180, 420]],
  ['#ffff00', [500, 340, 600, 440]],
]

async function writeSquares(path: string): Promise<void> {
  const shapes = squares.map(
    ([colour, [x1, y1, x2, y2]]) =>
      `<rect x="${x1}" y="${y1}" width="${x2 - x1}" height="${y2 - y1}" fill="${colour}"/>`,
  )
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="640" height="480"><rect width="640" height="480" fill="#808080"/>${shapes.join('')}</svg>`
  await put(path, await sharp(Buffer.from(svg)).png().toBuffer())
}

describe('samProposer', () => {
  it('finds what the model segments, once, and in the picture where it lies', async () => {
    await inTempDir(async (directory) => {
      await writeSquares(join(directory, 'a.png'))
      const picture = await readPicture(directory, 'a.png')
      const proposer = await samProposer(models)
      try {
        const masks = await proposer.propose(picture)
        for (const [, box] of squares) {
          const same = masks.filter((mask) => intersectionOverUnion(mask.box, box) > 0.6)
          expect(same, `${box}`).toHaveLength(1)
          // The stand-in sees cells of 16 of 1024 pixels.
          const area = (box[2] - box[0]) * (box[3] - box[1])
          expect(same[0]!.area / area).toBeGreaterThan(0.6)
          expect(same[0]!.area / area).toBeLessThan(1.4)
        }
        // Everything (mask 0), what is unsure (2) and what is unstable (3) stays away; mixed colours at edges are few.
        const large = masks.filter(({ area }) => area > 0.5 * 640 * 480)
        expect(large.length).toBeLessThanOrEqual(1)
      } finally {
        await proposer.close?.()
      }
    })
  })

  it('stops at an abort between points', async () => {
    await inTempDir(async (directory) => {
      await writeSquares(join(directory, 'a.png'))
      const picture = await readPicture(directory, 'a.png')
      const proposer = await samProposer(models)
      const controller = new AbortController()
      setTimeout(() => controller.abort(), 20)
      await expect(proposer.propose(picture, controller.signal)).rejects.toThrow(/abort/i)
      await proposer.close?.()
    })
  })

  it('names what is missing: a file, the right file, the package', async () => {
    const { encoder, decoder } = models
    await expect(samProposer({ encoder: 'no.onnx', decoder })).rejects.toThrow(/cannot read no\.onnx/)
    await expect(samProposer({ encoder, decoder: encoder })).rejects.toThrow(
      /encoder\.onnx: no image_embeddings.*export_onnx/,
    )
    await expect(samProposer({ encoder: decoder, decoder })).rejects.toThrow(
      /one input, this has image_embeddings/,
    )
    const noModel = samProposer({ encoder: fixture('make.py'), decoder })
    await expect(noModel).rejects.toThrow(/make\.py is no ONNX model/)
    await expect(samProposer({ ...models, pointsPerSide: 0 })).rejects.toThrow(/pointsPerSide 0/)
    vi.doMock('onnxruntime-node', () => {
      throw new Error("Cannot find package 'onnxruntime-node'")
    })
    const failed = samProposer(models)
    await expect(failed).rejects.toThrow(/npm install onnxruntime-node/)
    await expect(failed).rejects.toBeInstanceOf(ResourceError)
    vi.doUnmock('onnxruntime-node')
  })
})

describe('masks from logits', () => {
  const picture = { width: 1024, height: 512 }
  const whole = cropsOf(1024, 512)[0]!

  /** Logits that are `inside` in columns 30..39 and rows 20..29 (120..159 and 80..119 of 1024), `edge` around, else -9. */
  function logits(inside: number, edge: number): Float32Array {
    const values = new Float32Array(SAM.maskSide ** 2).fill(-9)
    for (let y = 19; y < 31; y++) {
      for (let x = 29; x < 41; x++) {
        const isInside = x > 29 && x < 40 && y > 19 && y < 30
        values[y * SAM.maskSide + x] = isInside ? inside : edge
      }
    }
    return values
  }

  it('gives box and area in pixels of the picture', () => {
    expect(maskOf(logits(5, -9), 0.9, whole, picture)).toEqual({
      box: [120, 80, 160, 120],
      area: 1600,
      score: 0.9,
    })
    const quarter = { left: 500, top: 250, width: 512, height: 256 }
    const mask = maskOf(logits(5, -9), 0.9, quarter, picture)
    expect(mask).toEqual({ box: [560, 290, 580, 310], area: 400, score: 0.9 })
  })

  it('drops masks that change with the threshold: 100 sure cells of 144 possible ones', () => {
    expect(maskOf(logits(5, -0.5), 0.9, whole, picture)).toBeNull()
    expect(maskOf(logits(-5, -5), 0.9, whole, picture)).toBeNull()
  })

  it('drops masks that the edge of a crop cuts off, not those at the edge of the picture', () => {
    const values = new Float32Array(SAM.maskSide ** 2).fill(-9)
    for (let y = 40; y < 60; y++) values.fill(9, y * SAM.maskSide, y * SAM.maskSide + 20)
    expect(maskOf(values, 0.9, whole, picture)).not.toBeNull()
    expect(maskOf(values, 0.9, { left: 400, top: 0, width: 600, height: 512 }, picture)).toBeNull()
  })

  it('crops as the reference does: four quarters that overlap', () => {
    // Worked out by hand: overlap trunc(512 / 1500 * 480) = 163, sides ceil((163 + 640) / 2) and ceil((163 + 480) / 2).
    expect(cropsOf(640, 480)).toEqual([
      { left: 0, top: 0, width: 640, height: 480 },
      { left: 0, top: 0, width: 402, height: 322 },
      { left: 0, top: 159, width: 402, height: 321 },
      { left: 239, top: 0, width: 401, height: 322 },
      { left: 239, top: 159, width: 401, height: 321 },
    ])
  })
})
