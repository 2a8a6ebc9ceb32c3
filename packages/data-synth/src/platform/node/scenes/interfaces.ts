// Screens of computers: a desktop with icons and windows, of which each is an editor, a list, a form or a player.
import { css, mix, type Rgb } from '../../../colors.ts'
import { type Font, pickFont } from '../../../fonts.ts'
import { pick } from '../../../splits.ts'
import { CODES, pickText, pickWord, pickWords, sentence } from '../../../words.ts'
import { gradient, photograph, pickPhoto } from '../backgrounds.ts'
import { type Context, dropShadow, inset, part, rounded } from '../brush.ts'
import { ICONS } from '../items/icons.ts'
import { addItem } from '../items/item.ts'
import { pickShape, prepareLetters, prepareWriting, xHeight } from '../items/writing.ts'
import type { Area, Stage } from '../stage.ts'

interface Theme {
  /** What all windows are written in. */
  font: Font
  window: Rgb
  bar: Rgb
  line: Rgb
  ink: 'black' | 'white'
}

const THEMES: readonly Omit<Theme, 'font'>[] = [
  { window: [252, 252, 252], bar: [232, 234, 238], line: [206, 208, 214], ink: 'black' },
  { window: [38, 40, 46], bar: [54, 57, 64], line: [84, 88, 98], ink: 'white' },
  { window: [244, 240, 230], bar: [222, 214, 196], line: [190, 180, 160], ink: 'black' },
]

export function drawInterfaces(stage: Stage): string {
  const { width, height, random } = stage
  const theme: Theme = {
    ...pick(random, THEMES),
    font: pickFont(random, stage.split, ['sans', 'sans', 'serif', 'mono']),
  }
  if (random.integer(3)) photograph(stage, { x: 0, y: 0, width, height }, pickPhoto(stage))
  else
    stage.decorate((ctx) =>
      gradient(
        ctx,
        { x: 0, y: 0, width, height },
        pick<Rgb[]>(random, [
          [
            [36, 66, 120],
            [120, 170, 210],
          ],
          [
            [90, 40, 100],
            [230, 140, 120],
          ],
          [
            [24, 80, 76],
            [170, 200, 150],
          ],
        ]),
      ),
    )
  const bar = stage.px(110)
  taskBar(stage, { x: 0, y: height - bar, width, height: bar }, theme)
  desktopIcons(stage, { x: 0, y: 0, width: stage.px(330), height: height - bar })
  const desk = {
    x: stage.px(340),
    y: stage.px(30),
    width: width - stage.px(370),
    height: height - bar - stage.px(60),
  }
  const columns = width > height * 1.3 ? 2 + random.integer(2) : 2
  const contents = random.shuffle([editor, list, form, player, keypad, dashboard])
  for (let c = 0; c < columns; c++) {
    const rows = 1 + random.integer(2)
    for (let r = 0; r < rows; r++) {
      const cell = inset(
        part(desk, c / columns, r / rows, 1 / columns, 1 / rows),
        stage.px(stage.between(14, 40)),
      )
      const frame = part(cell, 0, 0, stage.between(0.9, 1), stage.between(0.86, 1))
      contents[(c * 2 + r) % contents.length]!(stage, openWindow(stage, frame, theme), theme)
    }
  }
  return 'a computer screen'
}

function taskBar(stage: Stage, area: Area, theme: Theme): void {
  const { random, split } = stage
  stage.decorate((ctx) => {
    ctx.fillStyle = css(theme.bar, 0.95)
    ctx.fillRect(area.x, area.y, area.width, area.height)
  })
  const size = area.height * 0.68
  for (let i = 0; i < 8; i++) {
    const place = {
      x: stage.px(30) + i * size * 1.5,
      y: area.y + (area.height - size) / 2,
      width: size,
      height: size,
    }
    addItem(stage, pick(random, ICONS), place, { except: [theme.ink === 'black' ? 'white' : 'black'] })
  }
  const clock = prepareLetters(stage, {
    kind: 'clock',
    text: `${pickText(random, split, CODES.time)} ${pickText(random, split, CODES.date)}`,
    styles: ['sans', 'mono'],
    xHeight: xHeight(stage, 13, 20),
    color: theme.ink,
    isPlain: true,
  })
  clock.addAt(area.width - clock.width - stage.px(40), area.y + (area.height - clock.height) / 2)
}

/** Icons with their names beneath. */
function desktopIcons(stage: Stage, area: Area): void {
  const { random, split } = stage
  const step = stage.px(stage.between(280, 340))
  for (let y = stage.px(40); y + step < area.height; y += step) {
    const size = stage.px(stage.between(90, 150))
    const icon = { x: area.x + (area.width - size) / 2, y, width: size, height: size }
    addItem(stage, pick(random, ICONS), icon)
    const name = prepareWriting(stage, {
      kind: 'icon name',
      text: pickWord(random, 'thing', split),
      styles: ['sans'],
      xHeight: xHeight(stage, 10, 17),
    })
    name.addAt(area.x + (area.width - name.width) / 2, y + size + stage.px(18))
  }
}

/** Draws an empty window with its title, and gives the room inside. */
function openWindow(stage: Stage, frame: Area, theme: Theme): Area {
  const { random, split } = stage
  const bar = stage.px(64)
  stage.decorate((ctx) => {
    dropShadow(ctx, inset(frame, stage.px(10)), stage.px(60))
    rounded(ctx, frame, stage.px(14))
    ctx.fillStyle = css(theme.window)
    ctx.fill()
    ctx.save()
    ctx.clip()
    ctx.fillStyle = css(theme.bar)
    ctx.fillRect(frame.x, frame.y, frame.width, bar)
    ctx.restore()
    for (const [i, color] of (
      [
        [232, 92, 84],
        [240, 190, 70],
        [92, 190, 90],
      ] as const
    ).entries()) {
      ctx.beginPath()
      ctx.arc(frame.x + stage.px(34 + 40 * i), frame.y + bar / 2, stage.px(12), 0, 2 * Math.PI)
      ctx.fillStyle = css(color)
      ctx.fill()
    }
  })
  const title = prepareLetters(stage, {
    kind: 'window title',
    text: `${pickWord(random, 'thing', split)} ${pickWord(random, 'action', split)}`,
    styles: ['sans'],
    xHeight: xHeight(stage, 11, 17),
    color: theme.ink,
    isPlain: true,
  })
  if (title.width < frame.width - stage.px(180))
    title.addAt(frame.x + stage.px(160), frame.y + (bar - title.height) / 2)
  return {
    x: frame.x + stage.px(30),
    y: frame.y + bar + stage.px(24),
    width: frame.width - stage.px(60),
    height: frame.height - bar - stage.px(48),
  }
}

type Content = (stage: Stage, room: Area, theme: Theme) => void

const background = (theme: Theme): readonly ['white' | 'black'] => [theme.ink === 'black' ? 'white' : 'black']

function button(stage: Stage, theme: Theme, low = 10, high = 26) {
  return prepareWriting(stage, {
    kind: 'button',
    text: pickWord(stage.random, 'action', stage.split),
    styles: ['sans', 'display'],
    xHeight: xHeight(stage, low, high),
    shape: pickShape(stage, ['plate', 'pill']),
    except: background(theme),
  })
}

const plain = (stage: Stage, theme: Theme, kind: string, text: string, low: number, high: number) =>
  prepareLetters(stage, {
    kind,
    text,
    styles: theme.font,
    xHeight: xHeight(stage, low, high),
    color: theme.ink,
    isPlain: true,
  })

/** Buttons side by side; gives the height they took. */
function toolBar(stage: Stage, room: Area, theme: Theme): number {
  let x = room.x
  let tallest = 0
  for (let i = 0; i < 4; i++) {
    const one = button(stage, theme, 9, 18)
    if (x + one.width > room.x + room.width) break
    if (one.addAt(x, room.y)) x += one.width + stage.px(24)
    tallest = Math.max(tallest, one.height)
  }
  return tallest + stage.px(28)
}

const editor: Content = (stage, room, theme) => {
  const { random, split } = stage
  let y = room.y + toolBar(stage, room, theme)
  const heading = plain(stage, theme, 'heading', pickWords(random, split, 'title', 'title'), 22, 40)
  if (heading.width < room.width) {
    heading.addAt(room.x, y)
    y += heading.height + stage.px(30)
  }
  const size = stage.magnitude(9, 17)
  while (y < room.y + room.height) {
    const text = sentence(random, split)
    const line = plain(stage, theme, 'line of text', text, size, size)
    if (y + line.height > room.y + room.height) break
    if (line.width < room.width) line.addAt(room.x, y)
    y += line.height + stage.px(size * 1.6)
  }
}

const list: Content = (stage, room, theme) => {
  const { random, split } = stage
  const step = stage.px(stage.between(70, 120))
  const [large, small] = [stage.magnitude(10, 20), stage.magnitude(8, 14)]
  for (let y = room.y; y + step < room.y + room.height; y += step) {
    stage.decorate((ctx) => {
      ctx.fillStyle = css(theme.line)
      ctx.fillRect(room.x, y + step - stage.px(3), room.width, stage.px(2))
    })
    const size = step * 0.56
    addItem(
      stage,
      pick(random, ICONS),
      { x: room.x, y: y + step * 0.2, width: size, height: size },
      { except: background(theme) },
    )
    const name = plain(
      stage,
      theme,
      'list entry',
      `${pickWord(random, 'thing', split)} ${pickText(random, split, CODES.number)}`,
      large,
      large,
    )
    const date = plain(stage, theme, 'date', pickText(random, split, CODES.date), small, small)
    name.addAt(room.x + step, y + (step - name.height) / 2)
    date.addAt(room.x + room.width - date.width, y + (step - date.height) / 2)
  }
}

const form: Content = (stage, room, theme) => {
  const { random, split } = stage
  const step = stage.px(stage.between(130, 190))
  let y = room.y
  for (; y + 2 * step < room.y + room.height; y += step) {
    const label = plain(stage, theme, 'field name', pickWord(random, 'thing', split), 9, 16)
    label.addAt(room.x, y)
    const field = {
      x: room.x,
      y: y + label.height + stage.px(12),
      width: room.width * 0.8,
      height: stage.px(66),
    }
    stage.decorate((ctx) => outlined(ctx, field, stage.px(8), theme, stage.px(3)))
    const value = plain(
      stage,
      theme,
      'field',
      pick(random, [
        () => pickText(random, split, CODES.phone),
        () => `${pickWord(random, 'name', split)} ${pickWord(random, 'street', split)}`,
        () => pickText(random, split, CODES.invoice),
      ])(),
      10,
      17,
    )
    if (value.width < field.width && random.integer(4))
      value.addAt(field.x + stage.px(14), field.y + (field.height - value.height) / 2)
  }
  toolBar(stage, { ...room, y }, theme)
}

const player: Content = (stage, room, theme) => {
  const { random, split } = stage
  const picture = part(room, 0, 0, 1, 0.76)
  photograph(stage, picture, pickPhoto(stage))
  prepareLetters(stage, {
    kind: 'subtitle',
    text: sentence(random, split),
    styles: ['sans'],
    xHeight: xHeight(stage, 9, 15),
  }).addIn(part(picture, 0, 0.8, 1, 0.18))
  prepareWriting(stage, {
    kind: 'badge',
    text: pickWord(random, 'action', split),
    styles: ['sans', 'display'],
    xHeight: xHeight(stage, 10, 22),
    shape: 'pill',
  }).addIn(part(picture, 0, 0.02, 1, 0.3))
  const slider = part(room, 0, 0.81, 1, 0.02)
  stage.decorate((ctx) => {
    ctx.fillStyle = css(theme.line)
    ctx.fillRect(slider.x, slider.y, slider.width, slider.height)
    ctx.fillStyle = css([230, 60, 60])
    ctx.fillRect(slider.x, slider.y, slider.width * random.uniform(), slider.height)
  })
  toolBar(stage, { ...room, y: room.y + room.height * 0.86 }, theme)
}

const keypad: Content = (stage, room, theme) => {
  const { random, split } = stage
  const display = plain(stage, theme, 'display', pickText(random, split, CODES.score), 30, 56)
  display.addAt(room.x + room.width - display.width, room.y)
  const top = room.y + display.height + stage.px(40)
  const [columns, rows] = [3, 4]
  const area = { ...room, y: top, height: room.y + room.height - top }
  for (let i = 0; i < columns * rows; i++) {
    const cell = inset(
      part(area, (i % columns) / columns, Math.floor(i / columns) / rows, 1 / columns, 1 / rows),
      stage.px(10),
    )
    const key = prepareWriting(stage, {
      kind: 'key',
      text: pickText(random, split, CODES.number),
      styles: ['sans', 'mono'],
      xHeight: xHeight(stage, 14, 30),
      atLeast: { width: cell.width * 0.96, height: cell.height * 0.96 },
      except: background(theme),
    })
    if (key.width <= cell.width && key.height <= cell.height) key.addAt(cell.x, cell.y)
  }
}

/** Tiles with a number and what it counts. */
const dashboard: Content = (stage, room, theme) => {
  const { random, split } = stage
  const [columns, rows] = [2, 3]
  for (let i = 0; i < columns * rows; i++) {
    const cell = inset(
      part(room, (i % columns) / columns, Math.floor(i / columns) / rows, 1 / columns, 1 / rows),
      stage.px(14),
    )
    stage.decorate((ctx) => {
      rounded(ctx, cell, stage.px(16))
      ctx.fillStyle = css(mix(theme.window, theme.line, 0.4))
      ctx.fill()
    })
    const name = plain(stage, theme, 'label', pickWord(random, 'thing', split), 10, 18)
    const value = prepareWriting(stage, {
      kind: 'figure',
      text: pickText(random, split, pick(random, [CODES.score, CODES.price, CODES.number])),
      styles: ['display', 'sans', 'mono'],
      xHeight: xHeight(stage, 20, 44),
      except: background(theme),
    })
    if (name.width < cell.width * 0.9) name.addAt(cell.x + stage.px(20), cell.y + stage.px(20))
    if (value.width < cell.width * 0.9)
      value.addAt(cell.x + stage.px(20), cell.y + cell.height - value.height - stage.px(20))
  }
}

function outlined(ctx: Context, area: Area, radius: number, theme: Theme, width: number): void {
  rounded(ctx, area, radius)
  ctx.fillStyle = css(mix(theme.window, [255, 255, 255], theme.ink === 'black' ? 0.6 : 0.04))
  ctx.fill()
  ctx.lineWidth = width
  ctx.strokeStyle = css(theme.line)
  ctx.stroke()
}
