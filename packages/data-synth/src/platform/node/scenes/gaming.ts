// Screens of games: a platformer, a map from above, space; with what players read on them.
import { css, mix, type Rgb, shadeOf } from '../../../colors.ts'
import { pick } from '../../../splits.ts'
import { CODES, pickText, pickWord, pickWords } from '../../../words.ts'
import { gradient, grain, photograph, texture } from '../backgrounds.ts'
import { type Context, inset, part, polygon, rounded, shadow } from '../brush.ts'
import { GAME_ITEMS, MONSTERS } from '../items/game.ts'
import { addItem, type Item, pickColor } from '../items/item.ts'
import { pickShape, prepareLetters, prepareWriting, xHeight } from '../items/writing.ts'
import type { Area, Stage } from '../stage.ts'

const FONTS = ['pixel', 'display', 'sans', 'mono'] as const

export function drawGaming(stage: Stage): string {
  const { random, width, height } = stage
  // What players read comes first: everything else keeps clear of it.
  const world = pick(random, [platformer, map, space])
  const phrase = world(stage)
  heads(stage)
  inventory(stage)
  messages(stage)
  titles(stage)
  // In a platform game they stand on ledges already.
  if (world !== platformer)
    characters(stage, { x: width * 0.04, y: height * 0.2, width: width * 0.92, height: height * 0.6 })
  grain(stage, 8)
  return phrase
}

/** The world has ledges; what stands on them is added at once. */
function platformer(stage: Stage): string {
  const { random, width, height } = stage
  const skies: Rgb[][] = [
    [
      [92, 148, 252],
      [170, 210, 255],
    ],
    [
      [250, 170, 120],
      [255, 224, 170],
    ],
    [
      [24, 20, 60],
      [90, 60, 130],
    ],
  ]
  stage.decorate((ctx) => {
    gradient(ctx, { x: 0, y: 0, width, height }, pick(random, skies))
    for (const [v, color] of [
      [0.62, [110, 160, 150]],
      [0.74, [80, 132, 104]],
    ] as const) {
      for (let x = -width * 0.05; x < width; x += width * 0.13) {
        const peak = { x, y: height * (v - 0.14 * random.uniform()), width: width * 0.26, height }
        polygon(ctx, peak, [
          [0.5, 0],
          [1, 1],
          [0, 1],
        ])
        ctx.fillStyle = css(color)
        ctx.fill()
      }
    }
  })
  const tile = Math.round(stage.px(96))
  const soil = pick<Rgb>(random, [
    [150, 96, 54],
    [112, 112, 124],
    [86, 66, 120],
  ])
  const ground = Math.floor((height * 0.86) / tile) * tile
  const ledges: Area[] = [{ x: 0, y: ground, width, height: height - ground }]
  for (let i = 0; i < 7; i++) {
    const w = tile * (3 + random.integer(5))
    ledges.push({
      x: Math.floor((random.uniform() * (width - w)) / tile) * tile,
      y: Math.floor((height * stage.between(0.34, 0.74)) / tile) * tile,
      width: w,
      height: tile,
    })
  }
  stage.decorate((ctx) => {
    for (const ledge of ledges) tiles(ctx, ledge, tile, soil)
  })
  for (const ledge of ledges) {
    for (let x = ledge.x + tile * 0.2; x < ledge.x + ledge.width; x += tile * stage.between(1.2, 4)) {
      const item = pick<Item>(random, random.integer(2) ? GAME_ITEMS : MONSTERS)
      const h = stage.px(stage.magnitude(60, 210))
      if (x + h * item.aspect > ledge.x + ledge.width) break
      addItem(stage, item, { x, y: ledge.y - h, width: h * item.aspect, height: h })
    }
  }
  return 'a platform game'
}

function tiles(ctx: Context, area: Area, tile: number, soil: Rgb): void {
  for (let y = area.y; y < area.y + area.height; y += tile) {
    for (let x = area.x; x < area.x + area.width; x += tile) {
      ctx.fillStyle = css(mix(soil, [0, 0, 0], 0.3))
      ctx.fillRect(x, y, tile, tile)
      ctx.fillStyle = css(soil)
      ctx.fillRect(x + tile * 0.04, y + tile * 0.04, tile * 0.9, tile * 0.9)
      if (y === area.y) {
        ctx.fillStyle = css([92, 170, 72])
        ctx.fillRect(x, y, tile, tile * 0.24)
      }
    }
  }
}

function map(stage: Stage): string {
  const { random, width, height } = stage
  texture(stage, { x: 0, y: 0, width, height }, 'grass', stage.px(500), [96, 150, 70], 0.55)
  stage.decorate((ctx) => {
    ctx.lineCap = 'round'
    ctx.lineJoin = 'round'
    for (const [color, wide] of [
      [[194, 166, 112], 190],
      [[74, 142, 200], 260],
    ] as const) {
      ctx.strokeStyle = css(color)
      ctx.lineWidth = stage.px(wide)
      ctx.beginPath()
      let y = height * random.uniform()
      for (let x = -width * 0.1; x <= width * 1.1; x += width * 0.15) {
        ctx.lineTo(x, y)
        y += height * stage.between(-0.16, 0.16)
      }
      ctx.stroke()
    }
    for (let i = 0; i < 40; i++)
      tree(ctx, {
        x: width * random.uniform(),
        y: height * random.uniform(),
        width: stage.px(110),
        height: stage.px(110),
      })
  })
  for (let i = 0; i < 7; i++) {
    prepareWriting(stage, {
      kind: 'map label',
      text: pickWord(random, 'street', stage.split),
      styles: ['hand', 'serif', 'display'],
      xHeight: xHeight(stage, 10, 34),
      shape: pickShape(stage, ['plate', 'pill']),
      except: ['green'],
    }).addIn({ x: 0, y: height * 0.1, width, height: height * 0.8 })
  }
  return 'a game seen from above'
}

function tree(ctx: Context, area: Area): void {
  for (const [u, color] of [
    [0, [40, 92, 46]],
    [0.16, [58, 120, 58]],
  ] as const) {
    const crown = part(area, u, u / 2, 1 - 2 * u, 1 - 2 * u)
    rounded(ctx, crown, crown.width / 2)
    ctx.fillStyle = css(color)
    ctx.fill()
  }
}

function space(stage: Stage): string {
  const { random, width, height } = stage
  photograph(stage, { x: 0, y: 0, width, height }, 'hubble', 1.8)
  stage.decorate((ctx) => {
    ctx.fillStyle = css([6, 6, 22], 0.45)
    ctx.fillRect(0, 0, width, height)
    for (let i = 0; i < 3; i++) {
      const r = stage.px(stage.between(120, 420))
      const [x, y] = [width * random.uniform(), height * random.uniform()]
      const color: Rgb = [60 + random.integer(120), 60 + random.integer(120), 60 + random.integer(120)]
      const fill = ctx.createRadialGradient(x - r * 0.4, y - r * 0.4, r * 0.1, x, y, r)
      fill.addColorStop(0, css(mix(color, [255, 255, 255], 0.3)))
      fill.addColorStop(1, css(mix(color, [0, 0, 10], 0.75)))
      ctx.fillStyle = fill
      ctx.beginPath()
      ctx.arc(x, y, r, 0, 2 * Math.PI)
      ctx.fill()
    }
  })
  return 'a space game'
}

/** Along the upper edge: score, level, time, and a bar of life. */
function heads(stage: Stage): void {
  const { random, split, width, height } = stage
  const margin = stage.px(40)
  let x = margin
  for (const [kind, text] of [
    ['score', `${pickWord(random, 'game', split)} ${pickText(random, split, CODES.score)}`],
    ['level', `${pickWord(random, 'game', split)} ${pickText(random, split, CODES.number)}`],
    ['timer', pickText(random, split, CODES.time)],
  ] as const) {
    const letters = prepareLetters(stage, { kind, text, styles: FONTS, xHeight: xHeight(stage, 14, 34) })
    letters.addAt(x, margin)
    x += letters.width + stage.px(stage.between(80, 220))
  }
  const bar = { x: margin, y: height * 0.11, width: width * 0.2, height: stage.px(46) }
  const color = pickColor(stage, 'health bar', ['black'])
  const shade = shadeOf(random, color)
  const share = stage.between(0.2, 0.95)
  stage.add(bar, { kind: 'health bar', color }, (ctx) => {
    rounded(ctx, bar, stage.px(10))
    ctx.fillStyle = css([20, 20, 26])
    ctx.fill()
    const inner = inset(bar, stage.px(7))
    rounded(ctx, { ...inner, width: inner.width * share }, stage.px(6))
    ctx.fillStyle = css(shade)
    ctx.fill()
  })
}

/** A row of slots with things and their numbers. */
function inventory(stage: Stage): void {
  const { random, split, width, height } = stage
  const slot = stage.px(stage.between(120, 190))
  const count = 6 + random.integer(4)
  const top = height - slot - stage.px(30)
  for (let i = 0; i < count; i++) {
    const area = { x: width * 0.5 + (i - count / 2) * slot, y: top, width: slot, height: slot }
    stage.decorate((ctx) => {
      rounded(ctx, inset(area, stage.px(5)), stage.px(12))
      ctx.fillStyle = css([150, 150, 162], 0.92)
      ctx.fill()
      ctx.lineWidth = stage.px(5)
      ctx.strokeStyle = css([36, 36, 46])
      ctx.stroke()
    })
    const item = pick(random, GAME_ITEMS)
    const room = part(area, 0.14, 0.1, 0.72, 0.58)
    const h = Math.min(room.height, room.width / item.aspect)
    if (random.integer(5)) {
      addItem(stage, item, {
        x: area.x + (slot - h * item.aspect) / 2,
        y: room.y,
        width: h * item.aspect,
        height: h,
      })
    }
    const amount = prepareWriting(stage, {
      kind: 'item count',
      text: pickText(random, split, CODES.number),
      styles: ['pixel', 'sans', 'mono'],
      xHeight: xHeight(stage, 7.5, 12),
      shape: 'pill',
    })
    amount.addAt(area.x + slot * 0.93 - amount.width, area.y + slot * 0.93 - amount.height)
  }
}

/** A quest, and what others said. */
function messages(stage: Stage): void {
  const { random, split, width, height } = stage
  const lines = 3 + random.integer(4)
  let y = height * stage.between(0.5, 0.62)
  for (let i = 0; i < lines; i++) {
    const line = prepareLetters(stage, {
      kind: 'chat line',
      text: `${pickWord(random, 'name', split)}: ${pickWord(random, 'adjective', split)} ${pickWord(random, 'noun', split)}`,
      styles: ['sans', 'mono', 'pixel'],
      xHeight: xHeight(stage, 9, 20),
    })
    line.addAt(stage.px(36), y)
    y += line.height + stage.px(16)
  }
  prepareWriting(stage, {
    kind: 'quest box',
    text: `${pickWord(random, 'game', split)}: ${pickWord(random, 'verb', split)} the ${pickWord(random, 'noun', split)}`,
    styles: ['sans', 'serif', 'pixel'],
    xHeight: xHeight(stage, 12, 26),
    isRimmed: true,
  }).addIn({ x: width * 0.6, y: height * 0.03, width: width * 0.39, height: height * 0.2 })
}

function titles(stage: Stage): void {
  const { random, split, width, height } = stage
  if (random.integer(2)) {
    prepareLetters(stage, {
      kind: 'title',
      text: pickWords(random, split, 'title', 'title'),
      styles: ['display', 'pixel', 'hand'],
      xHeight: xHeight(stage, 60, 130),
    }).addIn({ x: width * 0.1, y: height * 0.16, width: width * 0.8, height: height * 0.4 })
  }
  for (const zone of [0.02, 0.84]) {
    prepareWriting(stage, {
      kind: 'button',
      text: pickWord(random, 'action', split),
      styles: FONTS,
      xHeight: xHeight(stage, 12, 36),
      shape: pickShape(stage, ['pill', 'plate', 'round']),
      isRimmed: true,
    }).addIn({ x: width * zone, y: height * 0.72, width: width * 0.14, height: height * 0.24 })
  }
}

/** Players and monsters with their names above them. */
function characters(stage: Stage, zone: Area): void {
  const { random, split } = stage
  for (let i = 0; i < 14; i++) {
    const item = pick<Item>(random, i % 2 ? MONSTERS : GAME_ITEMS)
    const h = stage.px(stage.magnitude(56, 380))
    const w = h * item.aspect
    const tag = prepareWriting(stage, {
      kind: 'name tag',
      text: `${pickWord(random, 'name', split)} ${pickText(random, split, CODES.number)}`,
      styles: ['pixel', 'sans', 'mono'],
      xHeight: xHeight(stage, 7.5, 16),
    })
    const gap = stage.px(14)
    const place = stage.findPlace(Math.max(w, tag.width), h + gap + tag.height, zone)
    if (!place) continue
    const area = { x: place.x + (place.width - w) / 2, y: place.y + tag.height + gap, width: w, height: h }
    const box = addItem(stage, item, area, {
      under: (ctx) => shadow(ctx, part(area, -0.05, 0.92, 1.1, 0.14), 0.4),
    })
    if (box && i % 3 !== 2) tag.addAt(place.x + (place.width - tag.width) / 2, place.y)
  }
}
