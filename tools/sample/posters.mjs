// The large notices of the sample picture: exhibition, launch, café, lecture, timetable, lost cat.
import { box, line, lines, photo, pin, sheet, tape } from './svg.mjs'

const SERIF = 'Liberation Serif'
const MONO = 'DejaVu Sans Mono'

/** The exhibition poster. */
export function deepField(href, text) {
  const pale = { fill: '#e8ecf8', font: SERIF }
  const fields = [
    'UDF-2457  z 0.62',
    'UDF-3677  z 1.09',
    'UDF-5417  z 2.30',
    'UDF-6462  z 1.57',
    'UDF-8125  z 3.47',
  ]
  const tags = [
    [92, 402],
    [318, 118],
    [730, 477],
    [842, 236],
    [610, 742],
  ]
  const marks = tags.map(
    ([x, y], i) =>
      `<circle cx="${90 + x}" cy="${150 + y}" r="22" fill="none" stroke="#ffd34d" stroke-width="1.5"/>` +
      line(90 + x + 28, 150 + y + 4, 11, fields[i], { fill: '#ffe9a3', font: MONO }),
  )
  const content =
    box(24, 24, 1132, 1412, 'none', 'stroke="#5b6690" stroke-width="2"') +
    line(590, 112, 66, 'THE DEEP FIELD', { ...pale, anchor: 'middle', more: 'letter-spacing="13"' }) +
    photo(href, 90, 150, 1000, 872) +
    marks.join('') +
    line(
      90,
      1046,
      12,
      'Photograph: NASA, public domain. Circles mark the five galaxies of the children’s trail.',
      {
        fill: '#8f9ac0',
      },
    ) +
    photo(text.href, 120, 1080, text.width, text.height) +
    line(590, 1312, 34, 'Old Observatory · Dome 2 · until 28 February', { ...pale, anchor: 'middle' }) +
    line(590, 1352, 22, 'Tuesday to Sunday, 10 am – 6 pm · Wednesdays until the sky clouds over', {
      ...pale,
      anchor: 'middle',
    }) +
    line(
      590,
      1408,
      13,
      'Tickets 6 / 4 · Free on the first Sunday of the month · Lift to all floors · Print no. 118 of 250',
      {
        fill: '#8f9ac0',
        anchor: 'middle',
      },
    )
  const pins = pin(40, 40, '#c9302c') + pin(1140, 38, '#c9302c') + pin(590, 1440, '#c9302c')
  return sheet({
    x: 120,
    y: 112,
    width: 1180,
    height: 1460,
    angle: -0.8,
    fill: '#0d1126',
    content,
    over: pins,
  })
}

/** The launch print with its countdown. */
export function launch(href) {
  const steps = [
    ['T−13:00', 'Launch director polls the room: all stations answer "go"'],
    ['T−10:00', 'Terminal count begins; engines chilled with liquid oxygen'],
    ['T−07:00', 'Upper stage topping ends, vent valves 3 and 4 closed'],
    ['T−04:46', 'Strongback releases its clamps and leans back 1.5°'],
    ['T−02:00', 'Range control officer confirms a clear sea, 81 km downrange'],
    ['T−01:00', 'Flight computer takes over; propellant tanks pressurised'],
    ['T−00:03', 'Ignition of nine engines, thrust checked for 2.7 s'],
    ['T+00:00', 'Lift-off from pad 40. Everybody breathes again'],
  ]
  const rows = steps.map(
    ([time, what], i) => line(38, 566 + i * 25, 15, time, { font: MONO }) + line(134, 566 + i * 25, 15, what),
  )
  const content =
    photo(href, 30, 30, 640, 427) +
    line(30, 478, 11, 'Falcon 9 with DSCOVR before launch. Photograph: SpaceX, public domain', {
      fill: '#666',
    }) +
    line(30, 526, 27, 'Countdown, as read out in the hall', { font: SERIF }) +
    rows.join('')
  return sheet({ x: 1350, y: 104, width: 700, height: 790, angle: 1.1, content, over: tape(350, 4, -3) })
}

/** The café's menu. */
export function cafe(href) {
  const menu = [
    ['Espresso', 'single origin, Huila, washed', '2.40'],
    ['Flat white', 'two shots, oat milk at no extra cost', '3.60'],
    ['Filter, refilled once', 'ask which beans are on today', '3.10'],
    ['Hot chocolate', '70 %, with a pinch of salt', '3.80'],
    ['Ginger and lemon', 'grated while you wait', '3.20'],
    ['Cheese scone', 'out of the oven at 8, 11 and 3', '2.90'],
    ['Plum cake', 'until it is gone', '3.40'],
    ['Soup of the day', 'with rye bread (contains gluten)', '5.50'],
  ]
  const rows = menu.map(
    ([name, note, price], i) =>
      line(60, 592 + i * 42, 24, name, { font: SERIF, fill: '#3d1d0c' }) +
      line(660, 592 + i * 42, 24, price, { font: SERIF, fill: '#3d1d0c', anchor: 'end' }) +
      line(62, 609 + i * 42, 12.5, note, { fill: '#7a5a45' }) +
      `<line x1="60" y1="${617 + i * 42}" x2="660" y2="${617 + i * 42}" stroke="#c7ab8c" stroke-width="1" stroke-dasharray="2 4"/>`,
  )
  const content =
    box(14, 14, 692, 972, 'none', 'stroke="#a8502a" stroke-width="3"') +
    photo(href, 60, 54, 600, 400) +
    line(360, 524, 48, 'Café Meridian', {
      font: SERIF,
      fill: '#a8502a',
      anchor: 'middle',
      more: 'font-style="italic"',
    }) +
    rows.join('') +
    line(
      360,
      952,
      13,
      'Allergens: ask at the counter, list no. 7. Cards from 3.00. Tap water is free, take as much as you like.',
      {
        fill: '#7a5a45',
        anchor: 'middle',
        more: 'textLength="620"',
      },
    ) +
    line(360, 972, 10, 'Photograph: Rachel Michetti, CC0', { fill: '#a58b76', anchor: 'middle' })
  const pins = pin(34, 30, '#2a6fb0') + pin(688, 30, '#2a6fb0')
  return sheet({
    x: 2118,
    y: 108,
    width: 720,
    height: 1000,
    angle: -1.3,
    fill: '#f8efdc',
    content,
    over: pins,
  })
}

/** The lecture poster. */
export function lecture(href, text) {
  const content =
    box(0, 0, 660, 150, '#12355b') +
    line(330, 62, 30, 'TUESDAY LECTURES', {
      fill: '#f6b93b',
      anchor: 'middle',
      more: 'letter-spacing="5" font-weight="bold"',
    }) +
    line(330, 116, 40, 'Where to look next', { fill: '#fff', anchor: 'middle', font: SERIF }) +
    photo(href, 50, 180, 560, 560) +
    line(50, 758, 11, 'Astronaut Eileen Collins. Photograph: NASA, public domain', { fill: '#777' }) +
    photo(text.href, 60, 778, text.width, text.height) +
    line(330, 952, 25, '14 November · 19:00 · Great Hall, seats 1–340', {
      anchor: 'middle',
      fill: '#12355b',
      more: 'font-weight="bold"',
    }) +
    line(
      330,
      982,
      13,
      'Doors 18:30. Induction loop in rows A–F. Trams 4 and 11, stop “Observatory Hill”, then 212 steps.',
      {
        anchor: 'middle',
        fill: '#444',
      },
    )
  const pins = pin(26, 24, '#e0a800') + pin(634, 24, '#e0a800')
  return sheet({ x: 2950, y: 128, width: 660, height: 1010, angle: 1.6, content, over: pins })
}

/** The tram timetable: dense digits. */
export function timetable() {
  const stops = [
    'Harbour, quay 3',
    'Fish Market',
    'Rope Walk',
    'St Olaf’s',
    'Central Station',
    'Mill Lane',
    'Botanic Garden',
    'Observatory Hill',
  ]
  const blue = '#0b3c6f'
  const cells = []
  for (let column = 0; column < 15; column++) {
    const start = 5 * 60 + 12 + column * 37 + ((column * column * 7) % 9)
    stops.forEach((_, row) => {
      const at = start + row * 4 + ((row * 5 + column * 3) % 3)
      const text = `${String(Math.floor(at / 60)).padStart(2, '0')}:${String(at % 60).padStart(2, '0')}`
      cells.push(line(196 + column * 39.5, 156 + row * 30, 12.5, text, { font: 'Liberation Sans Narrow' }))
    })
  }
  const bands = stops.map(
    (name, row) =>
      box(24, 138 + row * 30, 772, 27, row % 2 ? '#fff' : '#e6eef7') + line(32, 157 + row * 30, 14.5, name),
  )
  const notes = [
    'a  Not on school days.   b  Low-floor tram.   c  Runs on request; ring the bell at the stop.   d  Continues to Depot as line 19.',
    'Saturdays: every 20 minutes from 07:12. Sundays and public holidays: every 30 minutes from 08:42. Last tram 00:27.',
    'Fares: zone A 2.10, zones A+B 3.30. Dogs larger than a cat need a ticket of their own. Valid from 10 December; subject to snow.',
  ]
  const content =
    box(0, 0, 820, 92, blue) +
    `<circle cx="62" cy="46" r="30" fill="#f2c230"/>${line(62, 60, 38, '4', { anchor: 'middle', fill: blue, more: 'font-weight="bold"' })}` +
    line(112, 58, 34, 'Harbour – Observatory Hill', { fill: '#fff' }) +
    line(24, 122, 16, 'Monday to Friday', { more: 'font-weight="bold"' }) +
    bands.join('') +
    cells.join('') +
    lines(24, 408, 11.5, 18, notes, { fill: '#444' })
  return sheet({
    x: 2030,
    y: 1176,
    width: 820,
    height: 470,
    angle: 0.7,
    content,
    over: pin(24, 20, '#3c9a4b') + pin(796, 22, '#3c9a4b'),
  })
}

/** The lost cat, with strips to tear off. */
export function lostCat(href) {
  const strips = Array.from({ length: 9 }, (_, i) => {
    if (i === 3 || i === 6) return ''
    const x = 6 + i * 70
    return (
      box(x, 772, 66, 168, '#fffef8', 'stroke="#bbb" stroke-width="1"') +
      `<g transform="translate(${x + 27} 930) rotate(-90)">${line(0, 0, 15, 'Chelsea the cat', { more: 'font-weight="bold"' })}${line(0, 22, 14, '555 0134 (Jo)', { font: MONO, fill: '#333' })}</g>`
    )
  })
  const content =
    box(0, 0, 640, 772, '#fffef8') +
    line(320, 112, 80, 'LOST CAT', { anchor: 'middle', fill: '#c0261c', more: 'font-weight="bold"' }) +
    photo(href, 48, 134, 544, 362) +
    line(320, 542, 34, 'answers to “Chelsea” (sometimes)', { anchor: 'middle' }) +
    lines(
      48,
      590,
      20,
      29,
      [
        'Ginger tabby, green eyes, left ear a little bent. Last seen on',
        'Friday near the fish market with something in her mouth.',
        'She is not afraid of trams, only of umbrellas. Chip number',
        '985 141 000 772 310. Reward: a plum cake, or the cat’s',
        'gratitude, whichever you prefer.',
      ],
      { font: SERIF },
    ) +
    line(48, 752, 12, 'Photograph: Stefan van der Walt, CC0', { fill: '#888' }) +
    strips.join('')
  return sheet({
    x: 1376,
    y: 950,
    width: 640,
    height: 940,
    angle: -1.7,
    fill: 'none',
    shade: 772,
    content,
    over: pin(320, 16, '#2a6fb0'),
  })
}
