// Rooms: shelves with jars, books and boxes, a board with notes, pictures, a screen, a table.
import { css, mix, type Rgb, shadeOf } from '../../../colors.ts'
import { pick } from '../../../splits.ts'
import type { Box } from '../../../types.ts'
import { CODES, pickText, pickWord, pickWords } from '../../../words.ts'
import { gradient, grain, photograph, pickPhoto, texture, vignette } from '../backgrounds.ts'
import { type Context, dropShadow, inset, part, rounded, shadow } from '../brush.ts'
import { HOUSEHOLD_ITEMS } from '../items/household.ts'
import { addItem, pickColor } from '../items/item.ts'
import { pickShape, prepareWriting, xHeight } from '../items/writing.ts'
import type { Area, Stage } from '../stage.ts'

const WALLS: readonly Rgb[] = [
  [232, 222, 204],
  [196, 210, 206],
  [214, 200, 190],
  [188, 196, 212],
  [204, 208, 184],
  [150, 160, 168],
]
const WOODS: readonly Rgb[] = [
  [150, 102, 62],
  [188, 142, 92],
  [96, 64, 44],
  [206, 178, 140],
]

export function drawHousehold(stage: Stage): string {
  const { width, height, random } = stage
  const wall = pick(random, WALLS)
  const wood = pick(random, WOODS)
  const table = height * stage.between(0.8, 0.86)
  stage.decorate((ctx) => gradient(ctx, { x: 0, y: 0, width, height }, [wall, mix(wall, [60, 50, 40], 0.15)]))
  wallpaper(stage, wall, table)
  planks(stage, { x: 0, y: table, width, height: height - table }, wood, 5)
  // One half holds shelves, the other what hangs on a wall.
  const shelvesFirst = random.integer(2) === 0
  const split = width * (shelvesFirst ? 0.58 : 0.42)
  const left = {
    x: width * 0.02,
    y: height * 0.03,
    width: split - width * 0.03,
    height: table - height * 0.06,
  }
  const right = { ...left, x: split + width * 0.01, width: width - split - width * 0.03 }
  shelves(stage, shelvesFirst ? left : right, wood)
  const place = hangings(stage, shelvesFirst ? right : left)
  onTable(stage, table)
  vignette(stage)
  grain(stage, 18)
  return place
}

function wallpaper(stage: Stage, wall: Rgb, bottom: number): void {
  const style = stage.random.integer(3)
  const step = stage.px(stage.between(70, 160))
  stage.decorate((ctx) => {
    ctx.fillStyle = css(mix(wall, [255, 255, 255], 0.3), 0.6)
    if (style === 0) for (let x = 0; x < stage.width; x += step) ctx.fillRect(x, 0, step * 0.4, bottom)
    if (style === 1) {
      ctx.fillStyle = css(mix(wall, [255, 255, 255], 0.45), 0.7)
      for (let y = 0; y < bottom; y += step) {
        ctx.fillRect(0, y, stage.width, step * 0.04)
        for (let x = 0; x < stage.width; x += step) ctx.fillRect(x, y, step * 0.04, step)
      }
    }
  })
}

function planks(stage: Stage, area: Area, wood: Rgb, count: number): void {
  stage.decorate((ctx) => {
    for (let i = 0; i < count; i++) {
      const plank = part(area, 0, i / count, 1, 1 / count)
      const shade = mix(wood, [30, 18, 10], 0.18 * stage.random.uniform())
      gradient(ctx, plank, [mix(shade, [255, 255, 255], 0.12), shade, mix(shade, [0, 0, 0], 0.2)])
      ctx.strokeStyle = css(mix(shade, [30, 16, 8], 0.4), 0.35)
      ctx.lineWidth = Math.max(1, stage.px(2))
      for (let k = 0; k < 5; k++) {
        const y = plank.y + plank.height * stage.random.uniform()
        ctx.beginPath()
        ctx.moveTo(plank.x, y)
        for (let u = 0.1; u <= 1; u += 0.1)
          ctx.lineTo(plank.x + u * plank.width, y + stage.px(4) * stage.between(-1, 1))
        ctx.stroke()
      }
    }
  })
}

function shelves(stage: Stage, area: Area, wood: Rgb): void {
  const count = 3 + stage.random.integer(2)
  const board = stage.px(34)
  for (let i = 0; i < count; i++) {
    const row = part(area, 0, i / count, 1, 1 / count)
    const top = row.y + row.height - board
    planks(stage, { x: row.x, y: top, width: row.width, height: board }, wood, 1)
    stage.decorate((ctx) => {
      ctx.fillStyle = css([0, 0, 0], 0.18)
      ctx.fillRect(row.x, top + board, row.width, stage.px(16))
    })
    fillShelf(stage, { ...row, height: row.height - board })
  }
}

/** Left to right until the shelf is full. */
function fillShelf(stage: Stage, row: Area): void {
  const { random } = stage
  const foot = row.y + row.height
  let x = row.x + stage.px(30)
  while (x < row.x + row.width) {
    const room = { x, y: row.y + row.height * 0.06, width: row.x + row.width - x, height: row.height * 0.94 }
    const pieces = [packet, books, jar, thing, thing]
    x += pick(random, pieces)(stage, room, foot) + stage.px(stage.between(24, 90))
  }
}

type Piece = (stage: Stage, room: Area, foot: number) => number

/** A cardboard box, a can or a carton with its name in large print and its weight in small. */
const packet: Piece = (stage, room, foot) => {
  const { random, split } = stage
  const height = room.height * stage.between(0.5, 0.95)
  const label = prepareWriting(stage, {
    kind: pick(random, ['packet', 'carton', 'can']),
    text: pickWord(random, 'goods', split),
    styles: ['display', 'sans', 'serif', 'hand'],
    xHeight: xHeight(stage, 16, 44),
    atLeast: { height },
  })
  if (label.width > room.width || label.height > room.height) return 0
  const area = { x: room.x, y: foot - label.height, width: label.width, height: label.height }
  const box = label.addAt(area.x, area.y, { under: (ctx) => shadow(ctx, part(area, -0.05, 0.95, 1.1, 0.09)) })
  if (box) smallPrint(stage, area, box)
  return label.width
}

/** The weight in the corner. */
function smallPrint(stage: Stage, area: Area, host: Box): void {
  const { random, split } = stage
  const print = prepareWriting(stage, {
    kind: 'price tag',
    text: pickText(random, split, CODES.price),
    styles: ['sans', 'mono'],
    xHeight: xHeight(stage, 7.5, 13),
    shape: pickShape(stage, ['plate', 'pill', 'tag']),
  })
  const margin = stage.px(14)
  // Under the large print, which is centred.
  if (print.width + 2 * margin < area.width && print.height + 2 * margin < area.height * 0.26)
    print.addAt(area.x + area.width - print.width - margin, area.y + area.height - print.height - margin, {
      host,
    })
}

/** Books side by side, their titles running down the spines. */
const books: Piece = (stage, room, foot) => {
  const { random, split } = stage
  let x = room.x
  for (let i = 3 + random.integer(5); i > 0; i--) {
    const book = prepareWriting(stage, {
      kind: 'book',
      text: pickWords(random, split, 'title', 'title'),
      styles: ['serif', 'sans', 'display'],
      xHeight: xHeight(stage, 12, 26),
      atLeast: { width: room.height * stage.between(0.6, 0.9) },
      isUpright: true,
    })
    if (book.height > room.height || x + book.width > room.x + room.width) continue
    if (book.addAt(x, foot - book.height)) x += book.width + stage.px(9)
  }
  return x - room.x
}

/** A glass jar whose label says what is in it. */
const jar: Piece = (stage, room, foot) => {
  const { random, split } = stage
  const label = prepareWriting(stage, {
    kind: 'label',
    text: pickWord(random, 'goods', split),
    styles: ['hand', 'serif', 'mono'],
    xHeight: xHeight(stage, 9, 26),
  })
  const width = label.width * 1.15
  const height = Math.max(Math.min(width * stage.between(1, 1.4), room.height), label.height * 1.8)
  if (width > room.width || height > room.height) return 0
  const glass = { x: room.x, y: foot - height, width, height }
  const filling = shadeOf(random, pickColor(stage, 'filling'))
  stage.decorate((ctx) => {
    shadow(ctx, part(glass, -0.05, 0.95, 1.1, 0.09))
    rounded(ctx, part(glass, 0, 0.12, 1, 0.88), width * 0.12)
    ctx.fillStyle = css([235, 242, 245], 0.85)
    ctx.fill()
    rounded(ctx, part(glass, 0.04, 0.3, 0.92, 0.68), width * 0.1)
    ctx.fillStyle = css(mix(filling, [235, 230, 220], 0.35))
    ctx.fill()
    ctx.fillStyle = css([110, 112, 116])
    ctx.fillRect(glass.x + width * 0.05, glass.y, width * 0.9, height * 0.13)
  })
  label.addAt(glass.x + (width - label.width) / 2, glass.y + height * 0.62 - label.height / 2)
  return width
}

const thing: Piece = (stage, room, foot) => {
  const item = pick(stage.random, HOUSEHOLD_ITEMS)
  const height = Math.min(room.height, stage.px(stage.magnitude(90, 420)))
  const width = height * item.aspect
  if (width > room.width) return 0
  const area = { x: room.x, y: foot - height, width, height }
  addItem(stage, item, area, { under: (ctx) => shadow(ctx, part(area, -0.05, 0.95, 1.1, 0.09)) })
  return width
}

/** Framed photographs, notes, a calendar, a screen. */
function hangings(stage: Stage, area: Area): string {
  const { random } = stage
  const hasScreen = random.integer(2) === 0
  const upper = part(area, 0, 0, 1, 0.5)
  const lower = part(area, 0, 0.52, 1, 0.48)
  if (hasScreen) screen(stage, upper)
  else frames(stage, upper)
  if (random.integer(2)) noteBoard(stage, lower)
  else frames(stage, lower)
  return hasScreen ? 'a living room' : 'a kitchen'
}

function frames(stage: Stage, area: Area): void {
  const count = 2 + stage.random.integer(2)
  for (let i = 0; i < count; i++) {
    const cell = part(area, i / count, 0, 1 / count, 1)
    const size = Math.min(cell.width, cell.height) * stage.between(0.62, 0.82)
    const frame = {
      x: cell.x + (cell.width - size) / 2,
      y: cell.y + cell.height * 0.06,
      width: size,
      height: size * stage.between(0.8, 1.1),
    }
    const color = pickColor(stage, 'picture frame', ['white'])
    const shade = shadeOf(stage.random, color)
    const rim = size * 0.08
    const photo = stage.picture(pickPhoto(stage))
    const paint = (ctx: Context) => {
      gradient(ctx, frame, [mix(shade, [255, 255, 255], 0.15), shade])
      ctx.fillStyle = css([244, 241, 234])
      const mount = inset(frame, rim)
      ctx.fillRect(mount.x, mount.y, mount.width, mount.height)
      photo(ctx, inset(mount, rim * 0.7))
    }
    const under = (ctx: Context) => dropShadow(ctx, frame, stage.px(50))
    if (!stage.add(frame, { kind: 'picture frame', color }, paint, { under })) continue
    const plate = prepareWriting(stage, {
      kind: 'caption plate',
      text: `${pickWord(stage.random, 'title', stage.split)} ${pickText(stage.random, stage.split, CODES.number)}`,
      styles: ['serif', 'sans'],
      xHeight: xHeight(stage, 7.5, 14),
    })
    plate.addAt(frame.x + (size - plate.width) / 2, frame.y + frame.height + stage.px(24))
  }
}

function noteBoard(stage: Stage, area: Area): void {
  const { random, split } = stage
  const board = part(area, 0.03, 0.06, 0.94, 0.9)
  stage.decorate((ctx) => {
    dropShadow(ctx, board, stage.px(40))
    ctx.fillStyle = css([112, 76, 48])
    ctx.fillRect(board.x, board.y, board.width, board.height)
  })
  const cork = inset(board, stage.px(22))
  texture(stage, cork, 'gravel', stage.px(170), [201, 143, 82], 0.72)
  for (let i = 0; i < 12; i++) {
    const text = pick(random, [
      () => `${pickWord(random, 'note', split)} ${pickText(random, split, CODES.time)}`,
      () => pickWord(random, 'note', split),
      () => `${pickWord(random, 'name', split)} ${pickText(random, split, CODES.phone)}`,
    ])()
    const note = prepareWriting(stage, {
      kind: 'note',
      text,
      styles: ['hand', 'hand', 'sans', 'mono'],
      xHeight: xHeight(stage, 8, 30),
      except: ['black', 'brown'],
      atLeast: { height: stage.px(stage.between(60, 200)) },
      turn: stage.between(-0.09, 0.09),
    })
    note.addIn(cork)
  }
}

/** A television that shows a photograph and what is on. */
function screen(stage: Stage, area: Area): void {
  const { random, split } = stage
  const set = part(area, 0.04, 0.04, 0.92, 0.86)
  stage.decorate((ctx) => {
    dropShadow(ctx, set, stage.px(60))
    rounded(ctx, set, stage.px(18))
    ctx.fillStyle = css([20, 20, 22])
    ctx.fill()
  })
  const glass = inset(set, stage.px(24))
  photograph(stage, glass, pickPhoto(stage))
  const banner = prepareWriting(stage, {
    kind: 'banner',
    text: pickWords(random, split, 'title', 'title'),
    styles: ['sans', 'display'],
    xHeight: xHeight(stage, 22, 48),
  })
  banner.addAt(glass.x + glass.width * 0.05, glass.y + glass.height * 0.95 - banner.height)
  const clock = prepareWriting(stage, {
    kind: 'clock',
    text: pickText(random, split, CODES.time),
    styles: ['mono', 'pixel', 'sans'],
    xHeight: xHeight(stage, 12, 26),
  })
  clock.addAt(glass.x + glass.width * 0.95 - clock.width, glass.y + glass.height * 0.06)
}

function onTable(stage: Stage, table: number): void {
  const { width, height, random, split } = stage
  for (let i = 0; i < 9; i++) {
    const item = pick(random, HOUSEHOLD_ITEMS)
    const h = stage.px(stage.magnitude(90, 330))
    const w = h * item.aspect
    const foot = table + (height - table) * stage.between(0.12, 0.9)
    const area = { x: random.uniform() * (width - w), y: foot - h, width: w, height: h }
    addItem(stage, item, area, {
      except: ['brown'],
      under: (ctx) => shadow(ctx, part(area, -0.08, 0.92, 1.16, 0.14)),
    })
  }
  prepareWriting(stage, {
    kind: 'card',
    text: `${pickWord(random, 'name', split)} ${pickText(random, split, CODES.date)}`,
    styles: ['hand', 'serif'],
    xHeight: xHeight(stage, 10, 26),
    turn: stage.between(-0.15, 0.15),
  }).addIn({ x: 0, y: table + stage.px(20), width, height: height - table - stage.px(40) })
}
