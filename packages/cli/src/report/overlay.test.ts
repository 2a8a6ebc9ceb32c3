// Overlays pixel by pixel on small canvases: what is painted, and what is left alone.

import { describe, expect, it } from 'vitest'
import { heatColor, scaleColor } from './colors.ts'
import { type Canvas, dimOutside, outlinePatches, paintHeat, toCanvas, toPng } from './overlay.ts'

const grey = (width: number, height: number): Canvas => ({
  width,
  height,
  data: new Uint8Array(width * height * 3).fill(100),
})
const pixel = ({ width, data }: Canvas, x: number, y: number) => [
  ...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
]

describe('heatColor', () => {
  it('gets lighter all the way and clips', () => {
    const lightness = Array.from({ length: 33 }, (_, i) => {
      const [r, g, b] = heatColor(i / 32)
      return 0.2126 * r + 0.7152 * g + 0.0722 * b
    })
    expect(lightness.every((value, i) => i === 0 || value > lightness[i - 1]!)).toBe(true)
    expect(heatColor(-1)).toEqual(heatColor(0))
    expect(heatColor(2)).toEqual(heatColor(1))
  })
})

describe('paintHeat', () => {
  it('stretches the map from its smallest to its largest value over the whole picture', () => {
    const map = { height: 1, width: 2, data: Float32Array.of(0.4, 0.6) }
    const painted = paintHeat(grey(4, 2), map, 1)
    expect(pixel(painted, 1, 1)).toEqual([...heatColor(0)])
    expect(pixel(painted, 2, 0)).toEqual([...heatColor(1)])
  })

  it('takes a map of equal values', () => {
    const map = { height: 1, width: 1, data: Float32Array.of(0.5) }
    expect(pixel(paintHeat(grey(1, 1), map, 1), 0, 0)).toEqual([...heatColor(0)])
  })
})

describe('outlinePatches', () => {
  const grid = { height: 2, width: 2 }

  it('draws around neighbouring patches together, lines between them fainter', () => {
    const color = scaleColor(1)
    const drawn = outlinePatches(grey(20, 20), grid, Uint8Array.of(1, 1, 0, 0), {
      color,
      thickness: 2,
      inner: 0.5,
    })
    expect(pixel(drawn, 0, 5)).toEqual([...color])
    expect(pixel(drawn, 19, 8)).toEqual([...color])
    const between = color.map((channel) => Math.round(100 + (channel - 100) * 0.5))
    expect(pixel(drawn, 10, 5)).toEqual(between)
    expect(pixel(drawn, 5, 5)).toEqual([100, 100, 100])
    expect(pixel(drawn, 5, 15)).toEqual([100, 100, 100])
  })

  it('draws on a canvas with fewer pixels than patches', () => {
    const style = { color: scaleColor(2), thickness: 2 }
    const drawn = outlinePatches(grey(3, 1), { height: 5, width: 9 }, new Uint8Array(45).fill(1), style)
    expect(drawn.data).toHaveLength(9)
  })
})

describe('dimOutside', () => {
  it('darkens only what no scale looked at', () => {
    const layers = [
      { grid: { height: 1, width: 2 }, map: Uint8Array.of(1, 0) },
      { grid: { height: 1, width: 4 }, map: Uint8Array.of(0, 0, 1, 0) },
    ]
    const dimmed = dimOutside(grey(4, 1), layers)
    expect([0, 1, 2].map((x) => pixel(dimmed, x, 0)[0])).toEqual([100, 100, 100])
    expect(pixel(dimmed, 3, 0)[0]).toBeLessThan(60)
  })
})

describe('toCanvas', () => {
  it.each([
    ['1 x 1', 1, 1, 640, 640],
    ['20000 x 10', 20000, 10, 1600, 1],
    ['10 x 3000', 10, 3000, 5, 1600],
    ['1000 x 500', 1000, 500, 1000, 500],
  ])('%s pixels', async (_, width, height, toWidth, toHeight) => {
    const image = { width, height, data: new Uint8Array(width * height * 3).fill(7) }
    const canvas = await toCanvas(image)
    expect([canvas.width, canvas.height, canvas.data.length]).toEqual([
      toWidth,
      toHeight,
      toWidth * toHeight * 3,
    ])
    expect(pixel(canvas, 0, 0)).toEqual([7, 7, 7])
    expect([...(await toPng(canvas)).subarray(1, 4)]).toEqual([...'PNG'].map((c) => c.charCodeAt(0)))
  })
})
