// Streets: shop fronts seen from the other side, or the road ahead. Signs, plates, vehicles, and what stands around.
import { css, mix, type Rgb } from '../../../colors.ts'
import { pick } from '../../../splits.ts'
import { CODES, pickText, pickWord } from '../../../words.ts'
import { bricks, gradient, grain, texture, vignette } from '../backgrounds.ts'
import { part, polygon, shadow } from '../brush.ts'
import { addItem } from '../items/item.ts'
import { ROADSIDE, VEHICLES } from '../items/street.ts'
import { pickShape, prepareWriting, xHeight } from '../items/writing.ts'
import type { Area, Stage } from '../stage.ts'

const SKIES: readonly Rgb[][] = [
  [
    [96, 150, 215],
    [190, 215, 238],
  ],
  [
    [140, 155, 172],
    [205, 210, 214],
  ],
  [
    [52, 58, 110],
    [232, 140, 96],
    [250, 205, 140],
  ],
  [
    [10, 14, 38],
    [38, 44, 84],
  ],
]
const WALLS: readonly Rgb[] = [
  [176, 124, 98],
  [206, 194, 172],
  [150, 152, 158],
  [186, 160, 120],
  [124, 138, 148],
  [214, 206, 196],
]
const ASPHALT: Rgb = [74, 75, 80]

export function drawDriving(stage: Stage): string {
  const phrase = stage.random.integer(2) ? shopStreet(stage) : roadAhead(stage)
  vignette(stage)
  grain(stage, 22)
  return phrase
}

function shopStreet(stage: Stage): string {
  const { width, height, random } = stage
  const kerb = height * stage.between(0.66, 0.74)
  stage.decorate((ctx) => gradient(ctx, { x: 0, y: 0, width, height: kerb }, pick(random, SKIES)))
  for (let x = -width * 0.05 * random.uniform(); x < width; ) {
    const w = stage.px(stage.between(560, 1050))
    const top = kerb - height * stage.between(0.5, 0.64)
    house(stage, { x, y: top, width: w, height: kerb - top })
    x += w
  }
  const pavement = { x: 0, y: kerb, width, height: height * 0.08 }
  texture(stage, pavement, 'gravel', stage.px(300), [150, 148, 145], 0.75)
  const road = { x: 0, y: pavement.y + pavement.height, width, height: height - pavement.y - pavement.height }
  texture(stage, road, 'gravel', stage.px(220), ASPHALT, 0.8)
  stage.decorate((ctx) => {
    ctx.fillStyle = css([225, 222, 205])
    for (let x = stage.px(60); x < width; x += stage.px(420))
      ctx.fillRect(x, road.y + road.height * 0.52, stage.px(220), stage.px(16))
  })
  signsOnPoles(
    stage,
    { x: 0, y: kerb - height * 0.3, width, height: height * 0.3 },
    kerb + pavement.height * 0.3,
    5,
  )
  standing(stage, { ...pavement, y: pavement.y + pavement.height * 0.4 }, 10, [90, 240])
  vehicles(stage, road, 3 + random.integer(3), [250, 420])
  return 'a street with shops'
}

/** A facade: windows above, a shop with its name below. */
function house(stage: Stage, area: Area): void {
  const { random } = stage
  const wall = pick(random, WALLS)
  if (random.integer(2)) bricks(stage, area, wall)
  else stage.decorate((ctx) => gradient(ctx, area, [wall, mix(wall, [0, 0, 0], 0.12)]))
  const columns = 3 + random.integer(3)
  const rows = 2 + random.integer(2)
  const shop = part(area, 0, 0.62, 1, 0.38)
  const isLit = random.integer(3) === 0
  stage.decorate((ctx) => {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        const pane = part(area, (c + 0.22) / columns, 0.06 + (0.54 * r) / rows, 0.56 / columns, 0.4 / rows)
        ctx.fillStyle = css(mix(wall, [255, 255, 255], 0.5))
        ctx.fillRect(
          pane.x - stage.px(8),
          pane.y - stage.px(8),
          pane.width + stage.px(16),
          pane.height + stage.px(16),
        )
        gradient(
          ctx,
          pane,
          isLit
            ? [
                [250, 214, 140],
                [214, 160, 90],
              ]
            : [
                [110, 138, 160],
                [58, 76, 96],
              ],
        )
      }
    }
    ctx.fillStyle = css(mix(wall, [20, 20, 24], 0.55))
    ctx.fillRect(shop.x, shop.y, shop.width, shop.height)
    for (const [u, w] of [
      [0.04, 0.56],
      [0.66, 0.28],
    ] as const)
      gradient(ctx, part(shop, u, 0.3, w, 0.66), [
        [176, 196, 205],
        [92, 112, 126],
      ])
  })
  const sign = prepareWriting(stage, {
    kind: 'shop sign',
    text: pickWord(random, 'shop', stage.split),
    styles: ['display', 'sans', 'serif', 'hand'],
    xHeight: xHeight(stage, 24, 60),
    atLeast: { width: area.width * stage.between(0.5, 0.85) },
  })
  sign.addAt(shop.x + (shop.width - sign.width) / 2, shop.y + stage.px(12))
  const panel = part(shop, 0.06, 0.36, 0.52, 0.5)
  if (random.integer(2)) {
    prepareWriting(stage, {
      kind: 'door sign',
      text: random.integer(2)
        ? pickWord(random, 'shop', stage.split)
        : pickText(random, stage.split, CODES.price),
      styles: ['sans', 'hand', 'mono'],
      xHeight: xHeight(stage, 8, 22),
      shape: pickShape(stage, ['plate', 'round', 'tag']),
    }).addIn(panel)
  }
  prepareWriting(stage, {
    kind: 'house number',
    text: pickText(random, stage.split, CODES.number),
    styles: ['sans', 'serif', 'display'],
    xHeight: xHeight(stage, 8, 18),
  }).addAt(area.x + area.width * 0.605, shop.y + shop.height * 0.5)
}

function roadAhead(stage: Stage): string {
  const { width, height, random } = stage
  const horizon = height * stage.between(0.46, 0.56)
  const isCountry = random.integer(2) === 0
  stage.decorate((ctx) => gradient(ctx, { x: 0, y: 0, width, height: horizon }, pick(random, SKIES)))
  if (isCountry) hills(stage, horizon)
  else skyline(stage, horizon)
  const ground = { x: 0, y: horizon, width, height: height - horizon }
  texture(
    stage,
    ground,
    'grass',
    stage.px(420),
    isCountry ? [92, 120, 62] : [136, 132, 124],
    isCountry ? 0.35 : 0.8,
  )
  const vanish = stage.between(0.42, 0.58)
  stage.decorate((ctx) => {
    polygon(ctx, ground, [
      [vanish - 0.012, 0],
      [vanish + 0.012, 0],
      [1.02, 1],
      [-0.02, 1],
    ])
    ctx.fillStyle = css(ASPHALT)
    ctx.fill()
    ctx.fillStyle = css([228, 226, 214])
    for (let i = 1; i < 14; i++) {
      // Dashes of equal length on the ground.
      const [near, far] = [1.4 / (i + 0.4), 1.4 / (i + 0.9)]
      const at = (t: number) => vanish + (0.5 - vanish) * t
      polygon(ctx, ground, [
        [at(far) - 0.006 * far, far],
        [at(far) + 0.006 * far, far],
        [at(near) + 0.006 * near, near],
        [at(near) - 0.006 * near, near],
      ])
      ctx.fill()
    }
  })
  gantry(stage, horizon)
  signsOnPoles(
    stage,
    { x: width * 0.01, y: height * 0.2, width: width * 0.36, height: height * 0.44 },
    height * 0.8,
    5,
  )
  signsOnPoles(
    stage,
    { x: width * 0.63, y: height * 0.2, width: width * 0.36, height: height * 0.44 },
    height * 0.8,
    5,
  )
  vehicles(
    stage,
    { x: width * 0.12, y: horizon + ground.height * 0.42, width: width * 0.76, height: ground.height * 0.54 },
    4 + random.integer(3),
    [120, 360],
  )
  standing(
    stage,
    { x: 0, y: horizon + ground.height * 0.2, width: width * 0.2, height: ground.height * 0.5 },
    4,
    [60, 200],
  )
  standing(
    stage,
    { x: width * 0.8, y: horizon + ground.height * 0.2, width: width * 0.2, height: ground.height * 0.5 },
    4,
    [60, 200],
  )
  return isCountry ? 'a country road' : 'a road into a city'
}

function hills(stage: Stage, horizon: number): void {
  for (const [rise, color] of [
    [0.13, [128, 146, 158]],
    [0.07, [84, 112, 78]],
  ] as const) {
    const phase = 6 * stage.random.uniform()
    stage.decorate((ctx) => {
      ctx.beginPath()
      ctx.moveTo(0, horizon + 1)
      for (let i = 0; i <= 40; i++) {
        const wave = 0.55 + 0.3 * Math.sin(phase + i * 0.33) + 0.15 * Math.sin(2.3 * phase + i * 0.9)
        ctx.lineTo((stage.width * i) / 40, horizon - stage.height * rise * wave)
      }
      ctx.lineTo(stage.width, horizon + 1)
      ctx.fillStyle = css(color)
      ctx.fill()
    })
  }
}

function skyline(stage: Stage, horizon: number): void {
  for (let x = 0; x < stage.width; ) {
    const w = stage.px(stage.between(130, 380))
    const h = stage.height * stage.between(0.08, 0.4)
    const wall = mix(pick(stage.random, WALLS), [120, 135, 155], 0.5)
    stage.decorate((ctx) => {
      gradient(ctx, { x, y: horizon - h, width: w, height: h }, [wall, mix(wall, [255, 255, 255], 0.2)])
      ctx.fillStyle = css(mix(wall, [30, 36, 50], 0.5))
      const step = stage.px(44)
      for (let v = horizon - h + step / 2; v < horizon - step; v += step)
        for (let u = x + step / 2; u < x + w - step * 0.7; u += step)
          ctx.fillRect(u, v, step * 0.5, step * 0.56)
    })
    x += w * stage.between(0.85, 1.1)
  }
}

/** Boards for directions above the road. */
function gantry(stage: Stage, horizon: number): void {
  const { width, height, random } = stage
  const y = horizon - height * stage.between(0.3, 0.36)
  stage.decorate((ctx) => {
    ctx.fillStyle = css([96, 100, 106])
    ctx.fillRect(width * 0.12, y, width * 0.76, stage.px(22))
    for (const u of [0.12, 0.875]) ctx.fillRect(width * u, y, stage.px(26), height * 0.62)
  })
  for (let i = 0; i < 3; i++) {
    const board = prepareWriting(stage, {
      kind: 'board',
      text: `${pickWord(random, 'road', stage.split)} ${pickText(random, stage.split, CODES.number)}`,
      styles: ['sans', 'display'],
      xHeight: xHeight(stage, 20, 46),
      isRimmed: true,
    })
    board.addAt(width * (0.15 + 0.25 * i + 0.02 * random.uniform()), y - stage.px(20))
  }
}

function signsOnPoles(stage: Stage, zone: Area, ground: number, count: number): void {
  const { random, split } = stage
  for (let i = 0; i < count; i++) {
    const shape = pickShape(stage, ['plate', 'round', 'octagon', 'diamond', 'arrow'])
    const isStreet = shape === 'plate' && random.integer(2) === 0
    const text = isStreet
      ? `${pickWord(random, 'street', split)} ${pick(random, ['Street', 'Road'])}`
      : random.integer(3)
        ? pickWord(random, 'road', split)
        : pickText(random, split, CODES.number)
    const sign = prepareWriting(stage, {
      kind: isStreet ? 'street sign' : 'sign',
      text,
      styles: ['sans', 'display'],
      xHeight: xHeight(stage, 8, 42),
      shape,
      isRimmed: random.integer(2) === 0,
    })
    const area = sign.addIn(zone)
    if (!area) continue
    const top = area.y + area.height
    const pole = {
      x: area.x + area.width / 2 - stage.px(7),
      y: top + stage.px(9),
      width: stage.px(14),
      height: Math.max(ground * stage.between(0.94, 1) - top, area.height),
    }
    // Where a pole would cross another sign, this one hangs from what is behind it.
    if (!stage.isFree(pole)) continue
    stage.decorate((ctx) => {
      ctx.fillStyle = css([128, 132, 138])
      ctx.fillRect(pole.x, Math.ceil(top), pole.width, pole.height)
    })
  }
}

function standing(stage: Stage, zone: Area, count: number, [low, high]: [number, number]): void {
  for (let i = 0; i < count; i++) {
    const item = pick(stage.random, ROADSIDE)
    const height = stage.px(stage.magnitude(low, high))
    const width = height * item.aspect
    const foot = zone.y + zone.height * stage.random.uniform()
    const area = {
      x: zone.x + stage.random.uniform() * (zone.width - width),
      y: foot - height,
      width,
      height,
    }
    addItem(stage, item, area, { under: (ctx) => shadow(ctx, part(area, -0.08, 0.9, 1.16, 0.18)) })
  }
}

function vehicles(stage: Stage, zone: Area, count: number, [low, high]: [number, number]): void {
  const { random, split } = stage
  for (let i = 0; i < count; i++) {
    const item = pick(random, VEHICLES)
    // Further down is nearer, and so larger.
    const depth = random.uniform()
    const height = stage.px(low + (high - low) * depth) * (item.kind === 'car' ? 0.62 : 1)
    const width = height * item.aspect
    const foot = zone.y + zone.height * (0.35 + 0.63 * depth)
    const area = { x: zone.x + random.uniform() * (zone.width - width), y: foot - height, width, height }
    const box = addItem(stage, item, area, {
      under: (ctx) => shadow(ctx, part(area, -0.05, 0.86, 1.1, 0.24)),
    })
    if (!box) continue
    const isAdvert = item.kind === 'truck' || item.kind === 'van'
    const text = prepareWriting(stage, {
      kind: isAdvert ? 'advert' : 'number plate',
      text: isAdvert ? pickWord(random, 'shop', split) : pickText(random, split, CODES.plate),
      styles: isAdvert ? ['display', 'hand', 'sans'] : ['mono', 'sans'],
      xHeight: Math.max(xHeight(stage, 8, 9), height * (isAdvert ? 0.12 : 0.055)),
    })
    if (text.width < width * (isAdvert ? 0.5 : 0.36))
      text.addAt(area.x + width * (isAdvert ? 0.06 : 0.36), area.y + height * (isAdvert ? 0.3 : 0.62), {
        host: box,
      })
  }
}
