// Newspaper and book pages: headline, columns of paragraphs, a photograph with its caption, marked words, a folio.
import { type ColorName, css, type Rgb, shadeOf } from '../../../colors.ts'
import { pick } from '../../../splits.ts'
import type { Box } from '../../../types.ts'
import { CODES, pickText, pickWord, pickWords, sentence } from '../../../words.ts'
import { pickPhoto } from '../backgrounds.ts'
import { type Context, type Lettering, lettering, measure, writeFrom } from '../brush.ts'
import { pickColor } from '../items/item.ts'
import type { Area, Stage } from '../stage.ts'
import { type Page, print, printPages, rule } from './page.ts'

const INK: Rgb = [24, 24, 28]

export function drawArticle(stage: Stage): string {
  printPages(stage, 'portrait', printArticle)
  return 'a page of a newspaper'
}

function printArticle(page: Page): void {
  const { stage, room, size } = page
  const { random, split } = stage
  let y = room.y
  const title = print(page, {
    kind: 'headline',
    text: pickWords(random, split, 'adjective', 'noun', 'verb'),
    x: room.x + room.width / 2,
    y,
    size: stage.between(3, 5),
    font: page.head,
    align: 'centre',
  })
  y += title.height + 2 * size
  const byline = print(page, {
    kind: 'byline',
    text: `by ${pickWords(random, split, 'name', 'street')}`,
    x: room.x,
    y,
  })
  print(page, {
    kind: 'date',
    text: pickText(random, split, CODES.date),
    x: room.x + room.width,
    y,
    align: 'right',
  })
  y += byline.height + size
  rule(page, { x: room.x, y, width: room.width, height: stage.px(4) })
  y += 2 * size
  const bottom = room.y + room.height
  const gap = 3 * size
  const count = Math.max(1, Math.min(4, Math.round(room.width / (size * stage.between(36, 60)))))
  const width = (room.width - gap * (count - 1)) / count
  for (let c = 0; c < count; c++) {
    const column = { x: room.x + c * (width + gap), y, width, height: bottom - 4 * size - y }
    if (c === 0 && random.integer(2)) {
      const used = photo(page, column)
      fillColumn(page, { ...column, y: column.y + used, height: column.height - used })
    } else fillColumn(page, column)
  }
  print(page, {
    kind: 'page number',
    text: pickText(random, split, CODES.number),
    x: room.x + room.width / 2,
    y: bottom - 2 * size,
    align: 'centre',
  })
}

function fillColumn(page: Page, column: Area): void {
  const { stage, size } = page
  const { random, split } = stage
  const bottom = column.y + column.height
  let y = column.y
  let isHeaded = false
  while (y < bottom) {
    const text = compose(page, column.width)
    if (!text || y + text.height > bottom) break
    // A heading never stands alone at the foot of a column.
    if (!isHeaded && random.integer(3) === 0 && y + text.height + 5 * size < bottom) {
      const heading = print(page, {
        kind: 'heading',
        text: pickWords(random, split, 'adjective', 'noun'),
        x: column.x,
        y,
        size: 1.5,
        font: page.head,
      })
      y += heading.height + 1.2 * size
    }
    isHeaded = !paragraph(page, { ...column, y, height: text.height }, text)
    // Where a turned line above reaches into it, the next one begins a little lower.
    y += isHeaded ? size : text.height + 1.6 * size
  }
}

interface Composed {
  words: readonly string[]
  placed: readonly { word: string; x: number; line: number; width: number }[]
  letters: Lettering
  leading: number
  height: number
}

/** Two to four sentences in lines of a width; null when a word alone is wider. */
function compose({ stage, size, body }: Page, width: number): Composed | null {
  const { random, split } = stage
  const letters = lettering(body, size)
  const words = Array.from({ length: 2 + random.integer(3) }, () => sentence(random, split))
    .join(' ')
    .split(' ')
  const space = measure(letters, 'x x').width - measure(letters, 'xx').width
  const leading = letters.size * 1.28
  const placed: Composed['placed'][number][] = []
  let [x, line] = [0, 0]
  for (const word of words) {
    const ink = measure(letters, word).width
    if (ink > width) return null
    if (x > 0 && x + ink > width) {
      x = 0
      line++
    }
    placed.push({ word, x, line, width: ink })
    x += ink + space
  }
  return { words, placed, letters, leading, height: (line + 1) * leading }
}

/** Gives its box, or null where there was no room. */
function paragraph(
  page: Page,
  area: Area,
  { words, placed, letters, leading, height }: Composed,
): Box | null {
  const { stage, size } = page
  const { random } = stage
  const baseline = (n: number) => area.y + letters.size * 0.95 + n * leading
  const box = stage.add(
    { ...area, height: height + 0.3 * letters.size },
    { kind: 'paragraph', color: 'black', text: words.join(' '), xHeight: size, isPlain: true },
    (ctx) => {
      for (const { word, x, line } of placed) writeFrom(ctx, area.x + x, baseline(line), letters, word, INK)
    },
  )
  if (box && random.integer(3) === 0) {
    const { word, x, line, width } = pick(
      random,
      placed.filter(({ word }) => word.length > 5),
    )
    mark(
      page,
      {
        x: area.x + x - 0.2 * size,
        y: baseline(line) - 1.9 * size,
        width: width + 0.4 * size,
        height: 2.7 * size,
      },
      word,
      box,
      (ctx) => writeFrom(ctx, area.x + x, baseline(line), letters, word, INK),
    )
  }
  return box
}

/** Colours that no marker has, or that look like another one's on paper. */
const NO_MARKERS: readonly ColorName[] = ['black', 'white', 'brown', 'purple', 'red']

/** A marker's stroke over a word: its ink stays as black as it was. */
function mark(
  { stage, size }: Page,
  area: Area,
  word: string,
  host: Box,
  write: (ctx: Context) => void,
): void {
  const color = pickColor(stage, 'highlighted word', NO_MARKERS)
  const shade = shadeOf(stage.random, color)
  stage.add(
    area,
    { kind: 'highlighted word', color, text: word.replaceAll(/[.,]/g, ''), xHeight: size },
    (ctx) => {
      ctx.fillStyle = css(shade, 0.6)
      ctx.fillRect(area.x, area.y, area.width, area.height)
      write(ctx)
    },
    { host },
  )
}

/** A photograph and what it shows; gives the height of both. */
function photo(page: Page, column: Area): number {
  const { stage, size } = page
  const { random, split } = stage
  const picture = {
    x: column.x,
    y: column.y,
    width: column.width,
    height: column.width * stage.between(0.6, 0.8),
  }
  if (picture.height > column.height * 0.5) return 0
  const draw = stage.picture(pickPhoto(stage))
  stage.decorate((ctx) => draw(ctx, picture))
  const caption = print(page, {
    kind: 'photo caption',
    text: `${pickWord(random, 'name', split)} ${pickWord(random, 'verb', split)} the ${pickWord(random, 'noun', split)}`,
    x: column.x,
    y: picture.y + picture.height + size,
    size: 0.85,
  })
  return picture.height + caption.height + 3.5 * size
}
