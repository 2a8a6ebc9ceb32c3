// Receipts: a shop, what was bought at which price, the total, and when.
import { pick } from '../../../splits.ts'
import { CODES, pickText, pickWord, pickWords, type WordList } from '../../../words.ts'
import type { Stage } from '../stage.ts'
import { type Page, preprint, print, printPages, rule } from './page.ts'

const NAMES: readonly WordList[][] = [['goods'], ['adjective', 'goods'], ['goods', 'goods']]

export function drawReceipt(stage: Stage): string {
  printPages(stage, 'strip', printReceipt)
  return 'receipts of shops'
}

function printReceipt(page: Page): void {
  const { stage, room } = page
  const { random, split } = stage
  // Narrow paper: text that fits twenty-odd letters.
  page.size = Math.max(6.5, Math.min(page.size * 1.6, room.width / 42))
  const { size } = page
  const [centre, right] = [room.x + room.width / 2, room.x + room.width]
  let y = room.y
  const line = (kind: string, text: string, scale = 1, font = page.body) => {
    const { height } = print(page, { kind, text, x: centre, y, size: scale, font, align: 'centre' })
    y += height + 1.4 * size
  }
  const shop = stage.unused(() => pickWords(random, split, 'street', 'shop')) ?? ''
  line('shop name', shop, 1.5, page.head)
  line('address', `${pickText(random, split, CODES.number)} ${pickWord(random, 'street', split)} Street`)
  line('phone number', pickText(random, split, CODES.phone))
  line('date', `${pickText(random, split, CODES.date)} ${pickText(random, split, CODES.time)}`)
  rule(page, { x: room.x, y, width: room.width, height: stage.px(4) })
  y += 2 * size
  const bottom = y + (room.y + room.height - y - 16 * size) * stage.between(0.4, 1)
  let sum = '0.00'
  while (y < bottom) {
    const name = stage.unused(() => pickWords(random, split, ...pick(random, NAMES)))
    if (!name) break
    const item = print(page, { kind: 'item', text: name, x: room.x, y })
    y += item.height + 2.4 * size
    if (!item.box) continue
    // The sum is written too, if this price is the last: both are words of the split.
    const [price, next] = pickText(random, split, (random) => {
      const text = CODES.price(random)
      return `${text} ${(Number(sum) + Number(text)).toFixed(2)}`
    }).split(' ') as [string, string]
    const { box } = print(page, {
      kind: 'price',
      text: price,
      x: right,
      y: y - item.height - 2.4 * size,
      align: 'right',
      also: `the price of ${name}`,
    })
    // A price that was written before is left out.
    if (box) sum = next
  }
  rule(page, { x: room.x, y, width: room.width, height: stage.px(4) })
  y += 1.5 * size
  preprint(page, { text: 'total', x: room.x, y, size: 1.4 })
  const total = print(page, {
    kind: 'total',
    text: sum,
    x: right,
    y,
    size: 1.4,
    align: 'right',
    also: `the total at ${shop}`,
  })
  y += total.height + 2 * size
  line('card number', pickText(random, split, CODES.invoice))
  line('greeting', pickWords(random, split, 'adjective', pick(random, ['noun', 'title'])))
  barcode(page, y)
}

function barcode({ stage, room, size }: Page, y: number): void {
  if (y + 4 * size > room.y + room.height) return
  stage.decorate((ctx) => {
    ctx.fillStyle = 'rgb(24,24,28)'
    for (let x = room.x + room.width * 0.15; x < room.x + room.width * 0.85; ) {
      const bar = stage.px(stage.between(3, 10))
      ctx.fillRect(x, y, bar, 4 * size)
      x += bar + stage.px(stage.between(4, 12))
    }
  })
}
