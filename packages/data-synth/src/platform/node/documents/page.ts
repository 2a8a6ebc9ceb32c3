// Sheets of paper on a desk or under a scanner, turned a little; and printing on them.
import { type ColorName, css, mix, type Rgb } from '../../../colors.ts'
import { type Font, pickFont } from '../../../fonts.ts'
import { pick } from '../../../splits.ts'
import { gradient, grain, texture, vignette } from '../backgrounds.ts'
import { dropShadow, lettering, measure, writeFrom } from '../brush.ts'
import { prepareLetters } from '../items/writing.ts'
import type { Area, Stage } from '../stage.ts'

const PAPERS: readonly Rgb[] = [
  [252, 251, 247],
  [246, 241, 228],
  [240, 240, 238],
  [250, 244, 205],
  [228, 238, 246],
]

/** A sheet: what is printed on it shares its type. */
export interface Page {
  stage: Stage
  /** Without margins, in the page's own coordinates. */
  room: Area
  paper: Rgb
  body: Font
  head: Font
  /** The x-height of running text, in pixels. */
  size: number
}

/** Width over height. */
type Sheet = 'portrait' | 'landscape' | 'strip'
const PROPORTIONS: Record<Sheet, number> = { portrait: 0.71, landscape: 1.41, strip: 0.42 }

/** Fills the picture with sheets, as many as lie side by side, and prints on each. */
export function printPages(stage: Stage, sheet: Sheet, print: (page: Page) => void): void {
  const { width, height, random } = stage
  const isScan = random.integer(2) === 0
  ground(stage, isScan)
  const wanted = height * 0.94 * PROPORTIONS[sheet]
  const count = Math.max(1, Math.floor(width / wanted))
  for (let i = 0; i < count; i++) {
    const cell = { x: (i * width) / count, y: 0, width: width / count, height }
    const turn = stage.between(-1, 1) * (isScan ? 0.02 : 0.085)
    const scale = 1 - 1.1 * Math.abs(turn)
    const w = Math.min(wanted, cell.width * 0.96) * scale
    const area = {
      x: cell.x + (cell.width - w) / 2,
      y: (height - w / PROPORTIONS[sheet]) / 2,
      width: w,
      height: w / PROPORTIONS[sheet],
    }
    const [cx, cy] = [area.x + area.width / 2, area.y + area.height / 2]
    stage.turn(turn, cx, cy)
    const paper = pick(random, PAPERS)
    stage.decorate((ctx) => {
      dropShadow(ctx, area, stage.px(50))
      gradient(ctx, area, [paper, mix(paper, [120, 110, 100], 0.05 + 0.12 * random.uniform())])
    })
    const margin = w * stage.between(0.06, 0.1)
    const room = {
      x: area.x + margin,
      y: area.y + margin,
      width: w - 2 * margin,
      height: area.height - 2 * margin,
    }
    print({
      stage,
      room,
      paper,
      body: pickFont(random, stage.split, ['serif', 'sans', 'mono']),
      head: pickFont(random, stage.split, ['display', 'serif', 'sans']),
      size: Math.max(6.5, stage.px(stage.magnitude(8.5, 17))),
    })
    wear(stage, area)
    stage.turn(0, 0, 0)
  }
  vignette(stage, isScan ? 0.08 : 0.25)
  grain(stage, isScan ? stage.between(14, 36) : 12)
}

/** A scanner's lid or a desk. */
function ground(stage: Stage, isScan: boolean): void {
  const all = { x: 0, y: 0, width: stage.width, height: stage.height }
  if (isScan) {
    const grey = 30 + stage.random.integer(190)
    stage.decorate((ctx) =>
      gradient(ctx, all, [
        [grey, grey, grey],
        [grey + 12, grey + 12, grey + 14],
      ]),
    )
    return
  }
  const dye = pick<Rgb>(stage.random, [
    [120, 84, 56],
    [70, 74, 80],
    [160, 150, 138],
    [60, 84, 76],
  ])
  texture(stage, all, 'gravel', stage.px(stage.between(200, 500)), dye, 0.82)
}

/** Folds, stains and the copier's dirt: lighter than any ink. */
function wear(stage: Stage, { x, y, width, height }: Area): void {
  const { random } = stage
  stage.decorate((ctx) => {
    if (random.integer(2)) {
      const fold = y + height * (random.integer(2) ? 0.5 : 0.333)
      ctx.fillStyle = css([0, 0, 0], 0.07)
      ctx.fillRect(x, fold, width, stage.px(5))
      ctx.fillStyle = css([255, 255, 255], 0.25)
      ctx.fillRect(x, fold + stage.px(5), width, stage.px(4))
    }
    if (random.integer(3) === 0) {
      ctx.beginPath()
      ctx.arc(x + width * random.uniform(), y + height * random.uniform(), stage.px(150), 0, 2 * Math.PI)
      ctx.lineWidth = stage.px(16)
      ctx.strokeStyle = css([150, 100, 50], 0.16)
      ctx.stroke()
    }
    for (let i = 0; i < 120; i++) {
      const dot = stage.px(stage.between(1, 5))
      ctx.fillStyle = css([70, 64, 60], stage.between(0.1, 0.4))
      ctx.fillRect(x + width * random.uniform(), y + height * random.uniform(), dot, dot)
    }
  })
}

interface Line {
  text: string
  x: number
  /** Upper edge. */
  y: number
  /** In x-heights of running text. */
  size?: number
  font?: Font
  align?: 'left' | 'right' | 'centre'
}

interface Print extends Line {
  kind: string
  color?: ColorName
  also?: string
}

/** Prints one line as an object. Gives its height, and its box where there was room. */
export function print(
  page: Page,
  { kind, text, x, y, size = 1, font = page.body, color = 'black', align, also }: Print,
) {
  const letters = prepareLetters(page.stage, {
    kind,
    text,
    styles: font,
    xHeight: page.size * size,
    color,
    isPlain: true,
    also,
  })
  const fits = letters.width <= page.room.width
  return { height: letters.height, box: fits ? letters.addAt(leftOf(x, letters.width, align), y) : null }
}

/** Prints what every such document says: no object, as it may come more than once. */
export function preprint(page: Page, { text, x, y, size = 1, font = page.body, align }: Line): number {
  const letters = lettering(font, page.size * size)
  const { width, ascent, descent } = measure(letters, text)
  page.stage.decorate((ctx) =>
    writeFrom(ctx, leftOf(x, width, align), y + ascent, letters, text, [30, 30, 34]),
  )
  return ascent + descent
}

const leftOf = (x: number, width: number, align: Line['align'] = 'left') =>
  align === 'left' ? x : align === 'right' ? x - width : x - width / 2

/** A thin line across. */
export function rule(page: Page, area: Area): void {
  page.stage.decorate((ctx) => {
    ctx.fillStyle = css([70, 70, 76])
    ctx.fillRect(area.x, area.y, area.width, area.height)
  })
}
