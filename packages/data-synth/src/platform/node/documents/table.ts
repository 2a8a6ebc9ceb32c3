// Tables: a title, names of columns, names of rows, numbers.
import { type ColorName, css, inkOn, mix, shadeOf } from '../../../colors.ts'
import { pick } from '../../../splits.ts'
import { CODES, pickText, pickWord, pickWords, type WordList } from '../../../words.ts'
import { pickColor } from '../items/item.ts'
import type { Stage } from '../stage.ts'
import { type Page, print, printPages, rule } from './page.ts'

const NAMES: readonly WordList[][] = [['goods'], ['goods'], ['adjective', 'goods']]

export function drawTable(stage: Stage): string {
  printPages(stage, pick(stage.random, ['portrait', 'landscape']), printTable)
  return 'a table of numbers'
}

function printTable(page: Page): void {
  const { stage, room } = page
  const { random, split } = stage
  const columns = 3 + random.integer(4)
  page.size = Math.max(6.5, Math.min(page.size * 1.3, room.width / (columns * 17)))
  const { size } = page
  let y = room.y
  const title = print(page, {
    kind: 'table title',
    text: pickWords(random, split, 'thing', 'title'),
    x: room.x,
    y,
    size: 2.4,
    font: page.head,
  })
  print(page, {
    kind: 'date',
    text: pickText(random, split, CODES.date),
    x: room.x + room.width,
    y,
    align: 'right',
  })
  y += title.height + 3 * size
  const row = size * stage.between(4.2, 6)
  const width = room.width / (columns + 1)
  const color: ColorName = pickColor(stage, 'table head', ['white'])
  const shade = shadeOf(random, color)
  stage.decorate((ctx) => {
    ctx.fillStyle = css(shade)
    ctx.fillRect(room.x, y, room.width, row)
  })
  const light = inkOn(shade)[0] > 128 ? 'white' : 'black'
  const shown: string[] = []
  for (let c = 0; c < columns; c++) {
    const head = stage.unused(() => pickWord(random, 'thing', split))
    if (head) shown.push(head)
  }
  const heads = shown.map((head, c) => ({
    head,
    isPrinted: print(page, {
      kind: 'column title',
      text: head,
      x: room.x + width * (c + 1.9),
      y: y + row * 0.3,
      color: light,
      align: 'right',
    }).box,
  }))
  y += row
  const bottom = room.y + room.height - row
  for (let r = 0; y < bottom; r++, y += row) {
    const name = stage.unused(() => pickWords(random, split, ...pick(random, NAMES)))
    if (!name) break
    if (r % 2)
      stage.decorate((ctx) => {
        ctx.fillStyle = css(mix(page.paper, shade, 0.12))
        ctx.fillRect(room.x, y, room.width, row)
      })
    const { box } = print(page, { kind: 'row title', text: name, x: room.x + size, y: y + row * 0.3 })
    for (const [c, { head, isPrinted }] of heads.entries()) {
      if (random.integer(12) === 0) continue
      const text = pickText(random, split, pick(random, [CODES.number, CODES.price]))
      print(page, {
        kind: 'cell',
        text,
        x: room.x + width * (c + 1.9),
        y: y + row * 0.3,
        align: 'right',
        also: isPrinted && box ? `the ${head} of ${name}` : undefined,
      })
    }
  }
  rule(page, { x: room.x, y, width: room.width, height: stage.px(4) })
  print(page, {
    kind: 'source',
    text: `by ${pickWords(random, split, 'name', 'street')}`,
    x: room.x,
    y: y + size,
    size: 0.85,
  })
}
