// A picture in the making: every object is drawn alone first, so that its box is what it really touches.
import { type Canvas, createCanvas, DOMMatrix, type SKRSContext2D } from '@napi-rs/canvas'
import type { Random } from '@ps3js/tensor'
import { MIN_OBJECT_PIXELS, MIN_X_HEIGHT_PIXELS, minResolution } from '../../resolution.ts'
import type { Box, Split, SynthObject } from '../../types.ts'
import type { Pictures } from './assets.ts'
import { type Facts, quote, writeCaptions } from './captions.ts'

/** A rectangle in the coordinates of the scene. */
export interface Area {
  x: number
  y: number
  width: number
  height: number
}

export interface StageOptions {
  random: Random
  width: number
  height: number
  split: Split
  pictures: Pictures
  /** Leaves the object of this index out of the picture, nothing else: for tests. */
  omit?: number
}

export interface AddOptions {
  /** The box of the object that this one is a part of. */
  host?: Box
  /** Drawn beneath, if the object is drawn: a shadow, which belongs to no box. */
  under?: (ctx: SKRSContext2D) => void
}

/** Room between objects, in pixels of a picture of 3840. */
const GAP = 6

interface Placed {
  box: Box
  facts: Facts
}

export class Stage {
  readonly random: Random
  readonly width: number
  readonly height: number
  readonly split: Split
  readonly pictures: Pictures
  readonly canvas: Canvas
  readonly ctx: SKRSContext2D
  /** From the scene's coordinates to pixels; documents are turned. */
  #transform = new DOMMatrix()
  readonly #placed: Placed[] = []
  readonly #names = new Set<string>()
  readonly #texts = new Set<string>()
  readonly #omit: number | undefined
  readonly #unit: number

  constructor({ random, width, height, split, pictures, omit }: StageOptions) {
    this.random = random
    this.width = width
    this.height = height
    this.split = split
    this.pictures = pictures
    this.#omit = omit
    this.#unit = Math.max(width, height) / 3840
    this.canvas = createCanvas(width, height)
    this.ctx = this.canvas.getContext('2d')
    // Opaque from the start: where two soft edges meet, nothing shines through.
    this.ctx.fillStyle = 'rgb(128,128,128)'
    this.ctx.fillRect(0, 0, width, height)
  }

  /** Lengths are thought of in pixels of a picture whose long side is 3840. */
  px(length: number): number {
    return length * this.#unit
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.random.uniform()
  }

  /** Even over magnitudes: as many between 10 and 20 as between 20 and 40. */
  magnitude(low: number, high: number): number {
    return low * (high / low) ** this.random.uniform()
  }

  /** Draws texts until one is new to this picture; null when twenty tries found none. */
  unused(draw: () => string): string | null {
    for (let i = 0; i < 20; i++) {
      const text = draw()
      if (this.#texts.has(text)) continue
      this.#texts.add(text)
      return text
    }
    return null
  }

  /** Whether an object may lie in `area`: inside the picture, and off all others unless it is a part of `host`. */
  isFree(area: Area, host?: Box): boolean {
    const [x1, y1, x2, y2] = this.#boxOf(area)
    const gap = Math.max(1, this.px(GAP))
    if (x1 < 0 || y1 < 0 || x2 > this.width || y2 > this.height) return false
    return this.#placed.every(
      ({ box }) =>
        box === host || x1 >= box[2] + gap || x2 + gap <= box[0] || y1 >= box[3] + gap || y2 + gap <= box[1],
    )
  }

  /** A free place for an object somewhere in `zone`, if twenty tries find one. */
  findPlace(width: number, height: number, zone: Area): Area | null {
    for (let i = 0; i < 20 && width <= zone.width && height <= zone.height; i++) {
      const area = {
        x: zone.x + this.random.uniform() * (zone.width - width),
        y: zone.y + this.random.uniform() * (zone.height - height),
        width,
        height,
      }
      if (this.isFree(area)) return area
    }
    return null
  }

  /**
   * Adds an object. `paint` draws in the scene's coordinates and stays inside `area`. Gives its box, or null where it
   * was not drawn: no room, too little to be told apart even here, or another object of the same description.
   */
  add(
    area: Area,
    facts: Facts,
    paint: (ctx: SKRSContext2D) => void,
    { host, under }: AddOptions = {},
  ): Box | null {
    // What distinguishes it in every caption: its text, its own description, or its colour.
    const says = facts.text === undefined ? undefined : quote(facts.text).toLowerCase()
    const name = `${facts.kind}|${says ?? facts.also ?? facts.color}`
    const isReadable = facts.xHeight === undefined || facts.xHeight >= MIN_X_HEIGHT_PIXELS
    if (!isReadable || this.#names.has(name) || !this.isFree(area, host)) return null
    const [left, top, right, bottom] = this.#boxOf(area)
    const alone = createCanvas(right - left, bottom - top)
    const ctx = alone.getContext('2d')
    ctx.translate(-left, -top)
    ctx.transform(...values(this.#transform))
    paint(ctx)
    const touched = bounds(alone)
    if (!touched) return null
    const box: Box = [left + touched[0], top + touched[1], left + touched[2], top + touched[3]]
    if (Math.min(box[2] - box[0], box[3] - box[1]) < MIN_OBJECT_PIXELS && facts.text === undefined)
      return null
    if (under) this.decorate(under)
    if (this.#omit !== this.#placed.length) this.ctx.drawImage(alone, left, top)
    this.#placed.push({ box, facts })
    this.#names.add(name)
    return box
  }

  /** Draws something that is no object, in the scene's coordinates. */
  decorate(paint: (ctx: SKRSContext2D) => void): void {
    this.ctx.save()
    this.ctx.transform(...values(this.#transform))
    paint(this.ctx)
    this.ctx.restore()
  }

  /** Turns the scene's coordinates by an angle in radians about a point in pixels; 0 turns them back. */
  turn(angle: number, x: number, y: number): void {
    this.#transform = new DOMMatrix()
      .translate(x, y)
      .rotate((angle * 180) / Math.PI)
      .translate(-x, -y)
  }

  /** A photograph, ready to be drawn over an area by an object: cut to its proportions, not distorted. */
  picture(name: keyof Pictures): (ctx: SKRSContext2D, area: Area) => void {
    const image = this.pictures[name]
    const [u, v] = [this.random.uniform(), this.random.uniform()]
    return (ctx, { x, y, width, height }) => {
      const cover = Math.min(image.width / width, image.height / height)
      const [w, h] = [width * cover, height * cover]
      ctx.drawImage(image, u * (image.width - w), v * (image.height - h), w, h, x, y, width, height)
    }
  }

  /** All objects, described so that no two captions are the same. */
  objects(): SynthObject[] {
    const captions = writeCaptions(
      this.#placed.map(({ facts, box }) => ({
        ...facts,
        share: longest(box) / Math.max(this.width, this.height),
      })),
      this.random,
    )
    const longSide = Math.max(this.width, this.height)
    return this.#placed.map(({ box, facts: { kind, color, text, xHeight } }, i) => ({
      box,
      caption: captions[i]!,
      text: text ?? '',
      color,
      kind,
      minResolution: xHeight
        ? minResolution(longSide, xHeight, MIN_X_HEIGHT_PIXELS)
        : minResolution(longSide, Math.min(box[2] - box[0], box[3] - box[1]), MIN_OBJECT_PIXELS),
      split: this.split,
    }))
  }

  /** The pixels that `area` may touch, with one to spare for soft edges. */
  #boxOf({ x, y, width, height }: Area): Box {
    const corners = [
      [x, y],
      [x + width, y],
      [x, y + height],
      [x + width, y + height],
    ].map(([u, v]) => this.#transform.transformPoint({ x: u!, y: v! }))
    const [xs, ys] = [corners.map((p) => p.x), corners.map((p) => p.y)]
    return [
      Math.floor(Math.min(...xs)) - 1,
      Math.floor(Math.min(...ys)) - 1,
      Math.ceil(Math.max(...xs)) + 1,
      Math.ceil(Math.max(...ys)) + 1,
    ]
  }
}

const longest = ([x1, y1, x2, y2]: Box) => Math.max(x2 - x1, y2 - y1)

const values = ({ a, b, c, d, e, f }: DOMMatrix) => [a, b, c, d, e, f] as const

/** The smallest box around every pixel that is not fully transparent; null when all are. */
function bounds(canvas: Canvas): Box | null {
  const { width, height } = canvas
  const bytes = canvas.data()
  // Premultiplied: a pixel is zero as a whole exactly where its alpha is.
  const pixels = new Uint32Array(bytes.buffer, bytes.byteOffset, width * height)
  const isRowEmpty = (y: number) => {
    for (let i = y * width, end = i + width; i < end; i++) if (pixels[i] !== 0) return false
    return true
  }
  let top = 0
  while (top < height && isRowEmpty(top)) top++
  if (top === height) return null
  let bottom = height
  while (isRowEmpty(bottom - 1)) bottom--
  const isColumnEmpty = (x: number) => {
    for (let y = top; y < bottom; y++) if (pixels[y * width + x] !== 0) return false
    return true
  }
  let left = 0
  while (isColumnEmpty(left)) left++
  let right = width
  while (isColumnEmpty(right - 1)) right--
  return [left, top, right, bottom]
}
