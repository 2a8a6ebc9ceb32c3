// Charts: bars or a pie in colours, with a title, names, numbers and a legend.
import type { Random } from '@ps3js/tensor'
import { type ColorName, css, mix, shadeOf } from '../../../colors.ts'
import { CODES, pickText, pickWord, pickWords } from '../../../words.ts'
import { pickColor } from '../items/item.ts'
import type { Area, Stage } from '../stage.ts'
import { type Page, print, printPages, rule } from './page.ts'

export function drawChart(stage: Stage): string {
  printPages(stage, 'landscape', printChart)
  return 'a chart'
}

function printChart(page: Page): void {
  const { stage, room } = page
  const { random, split } = stage
  page.size = Math.max(6.5, page.size * 1.5)
  const { size } = page
  const title = print(page, {
    kind: 'chart title',
    text: pickWords(random, split, 'thing', 'title'),
    x: room.x + room.width / 2,
    y: room.y,
    size: 2.6,
    font: page.head,
    align: 'centre',
  })
  const used = title.height + 4 * size
  const below = { ...room, y: room.y + used, height: room.height - used - 3 * size }
  // What is measured; every name comes once on a page, so "the bar for TEA" is one bar.
  const names = Array.from({ length: 9 }, () => stage.unused(() => pickWord(random, 'goods', split))).filter(
    (name) => name !== null,
  )
  const half = { ...below, width: below.width / 2 - 3 * size }
  if (random.integer(2)) bars(page, below, names)
  else {
    bars(page, half, names.slice(0, 5))
    pie(page, { ...half, x: half.x + half.width + 6 * size }, names.slice(5, 9))
  }
  print(page, {
    kind: 'source',
    text: `by ${pickWords(random, split, 'name', 'street')} ${pickText(random, split, CODES.date)}`,
    x: room.x,
    y: room.y + room.height - size,
    size: 0.8,
  })
}

function bars(page: Page, area: Area, names: readonly string[]): void {
  const { stage, size } = page
  const { random, split } = stage
  // The numbers' room, and what a tall bar leans over them where the sheet is turned.
  const margin = 7 * size + 0.09 * area.height
  const plot = {
    x: area.x + margin,
    y: area.y,
    width: area.width - margin,
    height: area.height - 5 * size,
  }
  const numbers = pickText(random, split, evenNumbers).split(' ')
  const [highest, lowest] = [Number(numbers[0]), Number(numbers.at(-1))]
  for (const [i, number] of numbers.entries()) {
    const y = plot.y + (plot.height * i) / 4
    stage.decorate((ctx) => {
      ctx.fillStyle = css(mix(page.paper, [60, 60, 70], 0.3))
      ctx.fillRect(area.x + 7 * size, y, area.width - 7 * size, stage.px(2))
    })
    print(page, {
      kind: 'axis number',
      text: number,
      x: area.x + 6 * size,
      y: y - 0.7 * size,
      size: 0.9,
      align: 'right',
    })
  }
  rule(page, { x: plot.x, y: plot.y + plot.height, width: plot.width, height: stage.px(5) })
  const step = plot.width / names.length
  const used: ColorName[] = []
  for (const [i, name] of names.entries()) {
    const value = pickText(random, split, () =>
      String(Math.round(lowest + (highest - lowest) * stage.between(0.12, 0.9))),
    )
    const height = (plot.height * (Number(value) - lowest)) / (highest - lowest)
    const bar = { x: plot.x + step * (i + 0.25), y: plot.y + plot.height - height, width: step * 0.5, height }
    const color = pickColor(stage, 'bar', ['white'], used)
    used.push(color)
    const shade = shadeOf(random, color)
    const centre = bar.x + bar.width / 2
    const label = print(page, {
      kind: 'bar name',
      text: name,
      x: centre,
      y: plot.y + plot.height + 1.5 * size,
      size: Math.min(1, step / (size * 14)),
      align: 'centre',
    })
    const box = stage.add(
      bar,
      { kind: 'bar', color, also: label.box ? `the bar for ${name}` : undefined },
      (ctx) => {
        ctx.fillStyle = css(shade)
        ctx.fillRect(bar.x, bar.y, bar.width, bar.height)
      },
    )
    if (!box) continue
    print(page, {
      kind: 'bar value',
      text: value,
      x: centre,
      y: bar.y - 3.2 * size,
      align: 'centre',
      also: label.box ? `the value of ${name}` : undefined,
    })
  }
}

/** Five numbers from high to low, equally far apart. */
function evenNumbers(random: Random): string {
  const lowest = 5 * random.integer(400)
  const step = 5 * (10 + random.integer(390))
  return [4, 3, 2, 1, 0].map((i) => lowest + i * step).join(' ')
}

/** Percentages that add up to 100. */
function percentages(random: Random, count: number): string {
  const weights = Array.from({ length: count }, () => 1 + 3 * random.uniform())
  const whole = weights.reduce((sum, weight) => sum + weight)
  const shares = weights.slice(1).map((weight) => Math.round((1000 * weight) / whole) / 10)
  const rest = 100 - shares.reduce((sum, share) => sum + share, 0)
  return [...shares, rest].map((share) => share.toFixed(1)).join(' ')
}

/** A ring cut into sectors, whose boxes would overlap: the swatches of the legend are the objects. */
function pie(page: Page, area: Area, names: readonly string[]): void {
  const { stage, size } = page
  const radius = Math.min(area.width * 0.42, area.height * 0.32)
  const [cx, cy] = [area.x + area.width / 2, area.y + radius]
  const used: ColorName[] = []
  if (names.length < 2) return
  const shares = pickText(stage.random, stage.split, (random) => percentages(random, names.length)).split(' ')
  let angle = 2 * Math.PI * stage.random.uniform()
  for (const [i, name] of names.entries()) {
    const color = pickColor(stage, 'swatch', ['white'], used)
    used.push(color)
    const shade = shadeOf(stage.random, color)
    const next = angle + (2 * Math.PI * Number(shares[i])) / 100
    const from = angle
    stage.decorate((ctx) => {
      ctx.beginPath()
      ctx.arc(cx, cy, radius, from, next)
      ctx.arc(cx, cy, radius * 0.5, next, from, true)
      ctx.closePath()
      ctx.fillStyle = css(shade)
      ctx.fill()
    })
    angle = next
    const y = cy + radius + 3 * size + i * 4.2 * size
    const swatch = { x: area.x, y, width: 2.6 * size, height: 2.6 * size }
    const label = print(page, { kind: 'legend entry', text: name, x: area.x + 4.5 * size, y: y + 0.4 * size })
    stage.add(
      swatch,
      { kind: 'swatch', color, also: label.box ? `the swatch of ${name}` : undefined },
      (ctx) => {
        ctx.fillStyle = css(shade)
        ctx.fillRect(swatch.x, swatch.y, swatch.width, swatch.height)
      },
    )
    print(page, {
      kind: 'share',
      text: shares[i]!,
      x: area.x + area.width,
      y: y + 0.4 * size,
      align: 'right',
      also: label.box ? `the share of ${name}` : undefined,
    })
  }
}
