// Forms: printed names of fields, what a pen wrote into them, ticked boxes, a signature, a stamp.
import { css } from '../../../colors.ts'
import { pickFont } from '../../../fonts.ts'
import { pick } from '../../../splits.ts'
import { CODES, pickText, pickWord, pickWords, type WordList } from '../../../words.ts'
import { lettering, measure, writeFrom } from '../brush.ts'
import { pickShape, prepareWriting } from '../items/writing.ts'
import type { Stage } from '../stage.ts'
import { type Page, preprint, print, printPages, rule } from './page.ts'

const NAMES: readonly WordList[][] = [['thing'], ['adjective', 'thing'], ['noun', 'thing']]

export function drawForm(stage: Stage): string {
  printPages(stage, 'portrait', printForm)
  return 'a form that was filled in'
}

function printForm(page: Page): void {
  const { stage, room } = page
  const { random, split } = stage
  page.size = Math.max(6.5, Math.min(page.size * 1.25, room.width / 60))
  const { size } = page
  const pen = pickFont(random, split, ['hand'])
  const bottom = room.y + room.height
  let y = room.y
  const title = print(page, {
    kind: 'form title',
    text: pickWords(random, split, 'thing', 'action'),
    x: room.x,
    y,
    size: 2.6,
    font: page.head,
  })
  print(page, {
    kind: 'form number',
    text: pickText(random, split, CODES.invoice),
    x: room.x + room.width,
    y,
    align: 'right',
  })
  y += title.height + 2.5 * size
  rule(page, { x: room.x, y, width: room.width, height: stage.px(6) })
  y += 3 * size
  const columns = 1 + random.integer(2)
  const step = size * stage.between(9.5, 12)
  for (; y + step < bottom - 16 * size; y += step) {
    for (let c = 0; c < columns; c++) {
      const x = room.x + (c * room.width) / columns
      const width = room.width / columns - 2 * size
      if (random.integer(5) === 0) ticks(page, x, y + 2 * size, width)
      else field(page, x, y, width, pen)
    }
  }
  y = bottom - 12 * size
  rule(page, { x: room.x, y: y + 5 * size, width: room.width * 0.4, height: stage.px(4) })
  print(page, {
    kind: 'signature',
    text: pickWords(random, split, 'name', 'street'),
    x: room.x + size,
    y,
    size: 1.9,
    font: pen,
    color: 'blue',
  })
  preprint(page, { text: 'signature', x: room.x, y: y + 6 * size, size: 0.8 })
  prepareWriting(stage, {
    kind: 'stamp',
    text: pickWord(random, 'action', split),
    styles: ['display', 'mono'],
    xHeight: size * stage.between(1.6, 3),
    shape: pickShape(stage, ['plate', 'round', 'pill']),
    except: ['white', 'yellow'],
    isRimmed: true,
    turn: stage.between(-0.3, 0.3),
  }).addIn({ x: room.x + room.width * 0.5, y: y - 2 * size, width: room.width * 0.5, height: 13 * size })
}

function field(page: Page, x: number, y: number, width: number, pen: Page['body']): void {
  const { stage, size } = page
  const { random, split } = stage
  const name = stage.unused(() => pickWords(random, split, ...pick(random, NAMES)))
  if (!name) return
  const label = print(page, { kind: 'field name', text: name, x, y, size: 0.85 })
  const line = y + label.height + 5.3 * size
  rule(page, { x, y: line, width, height: stage.px(3) })
  if (random.integer(6) === 0) return
  const value = pick(random, [
    () => pickWords(random, split, 'name', 'street'),
    () => pickText(random, split, CODES.date),
    () => pickText(random, split, CODES.phone),
    () => pickText(random, split, CODES.invoice),
    () => pickWords(random, split, 'adjective', 'noun'),
  ])()
  print(page, {
    kind: 'handwriting',
    text: value,
    x: x + size,
    y: y + label.height + 1.9 * size,
    size: 1.15,
    font: pen,
    color: pick(random, ['blue', 'black']),
    also: label.box ? `what is written under ${name}` : undefined,
  })
}

/** Boxes to tick, some of them ticked. */
function ticks(page: Page, x: number, y: number, width: number): void {
  const { stage, size } = page
  const { random, split } = stage
  const side = 2.2 * size
  for (let i = 0; i < 3; i++) {
    const left = x + (i * width) / 3
    const option = stage.unused(() => pickWord(random, 'action', split))
    if (!option) return
    const isTicked = random.integer(2) === 0
    const letters = lettering(page.body, 0.85 * size)
    const ink = measure(letters, option)
    const area = {
      x: left - 0.2 * size,
      y: y - 0.6 * size,
      width: 1.6 * side + ink.width,
      height: 1.5 * side,
    }
    const kind = isTicked ? 'ticked option' : 'unticked option'
    // The box belongs to it: whether it is ticked is what the caption says.
    stage.add(area, { kind, color: 'black', text: option, xHeight: 0.85 * size, isPlain: true }, (ctx) => {
      writeFrom(ctx, left + 1.4 * side, y + 0.5 * side + 0.5 * ink.ascent, letters, option, [28, 28, 32])
      ctx.lineWidth = stage.px(4)
      ctx.strokeStyle = css([40, 40, 46])
      ctx.strokeRect(left, y, side, side)
      if (!isTicked) return
      ctx.lineWidth = stage.px(7)
      ctx.strokeStyle = css([35, 70, 170])
      ctx.beginPath()
      ctx.moveTo(left + side * 0.1, y + side * 0.5)
      ctx.lineTo(left + side * 0.45, y + side * 0.9)
      ctx.lineTo(left + side * 1.1, y - side * 0.2)
      ctx.stroke()
    })
  }
}
