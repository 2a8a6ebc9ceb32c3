// The small notices of the sample picture: newsletter, museum card, eye clinic, polaroid, note, ticket.
import { box, line, lines, photo, pin, sheet, tape } from './svg.mjs'

const SERIF = 'Liberation Serif'
const MONO = 'DejaVu Sans Mono'

/** The observatory's newsletter: two columns of 14 px type. */
export function newsletter(grass, columns) {
  const content =
    line(350, 58, 44, 'The Meridian Line', { font: SERIF, anchor: 'middle', more: 'font-weight="bold"' }) +
    line(350, 84, 13, 'News from Observatory Hill · No. 212 · November · Free, please pass on', {
      anchor: 'middle',
      fill: '#555',
    }) +
    '<line x1="36" y1="98" x2="664" y2="98" stroke="#222" stroke-width="2"/>' +
    columns.map(({ href, width, height }, i) => photo(href, 40 + i * 326, 116, width, height)).join('') +
    photo(grass, 366, 478, 292, 128, 'preserveAspectRatio="xMidYMid slice"') +
    line(366, 622, 10.5, 'The lawn in June. CC0 (linolafett)', { fill: '#777' })
  return sheet({
    x: 2960,
    y: 1216,
    width: 700,
    height: 650,
    angle: -1.1,
    fill: '#f7f4ea',
    content,
    over: tape(40, 8, -40) + tape(660, 8, 38),
  })
}

/** A museum's card with numbered coins. */
export function coinCard(href) {
  const names = [
    'Syracuse, drachm, c. 410 BC',
    'Corinth, stater, pegasus left',
    'Naples, didrachm, man-faced bull',
    'Tarentum, nomos, boy on dolphin',
    'Metapontum, ear of barley',
    'Velia, lion and stag',
  ]
  const content =
    photo(href, 26, 26, 384, 303) +
    line(432, 56, 24, 'Small change from Pompeii', { font: SERIF, more: 'font-weight="bold"' }) +
    lines(
      432,
      88,
      14,
      21,
      [
        'Twenty-four coins, bronze and silver, found in one',
        'purse. Room 5, case 12. Actual size 14–26 mm;',
        'shown here four times larger.',
      ],
      { font: SERIF },
    ) +
    names
      .map((name, i) => line(432, 172 + i * 20, 12.5, `${i + 1}.  ${name}`, { font: MONO, fill: '#333' }))
      .join('') +
    line(432, 322, 10.5, 'Brooklyn Museum archives, no known copyright restrictions', { fill: '#777' })
  return sheet({
    x: 2060,
    y: 1700,
    width: 800,
    height: 354,
    angle: -1.4,
    fill: '#efe9da',
    content,
    over: pin(400, 16, '#7a3fa0'),
  })
}

/** The eye clinic's card: letters down to the smallest print. */
export function clinic(href) {
  const chart = [
    [54, 'E'],
    [42, 'F P'],
    [33, 'T O Z'],
    [26, 'L P E D'],
    [20, 'P E C F D'],
    [15, 'E D F C Z P'],
    [11, 'F E L O P Z D'],
    [8, 'D E F P O T E C'],
    [6, 'L E F O D P C T'],
  ]
  let y = 40
  const letters = chart.map(([size, text]) => {
    y += size * 0.75 + 15
    return line(560, y, size, text, { anchor: 'middle', font: 'DejaVu Sans', more: 'font-weight="bold"' })
  })
  const content =
    `<clipPath id="round"><circle cx="190" cy="186" r="150"/></clipPath>${photo(href, 30, 26, 320, 320, 'clip-path="url(#round)"')}` +
    letters.join('') +
    line(190, 372, 22, 'Eye clinic, first floor', {
      anchor: 'middle',
      fill: '#0d6b62',
      more: 'font-weight="bold"',
    }) +
    line(190, 396, 13, 'Mon–Thu 8–12 and 13–16, Fri 8–12. Tel. 555 0177', { anchor: 'middle' }) +
    line(560, 372, 12, 'Can you read the last line from here?', { anchor: 'middle', fill: '#555' }) +
    line(560, 394, 8, 'If you can read this you are standing very close, or you have a 4K camera.', {
      anchor: 'middle',
      fill: '#555',
    }) +
    line(190, 416, 10, 'Photograph: Mikael Häggström, CC0', { anchor: 'middle', fill: '#888' })
  return sheet({
    x: 150,
    y: 1626,
    width: 760,
    height: 430,
    angle: 1.2,
    fill: '#f3faf8',
    content,
    over: pin(380, 18, '#e0a800'),
  })
}

/** An instant photograph. */
export function polaroid(href) {
  const content =
    photo(href, 22, 22, 316, 316) +
    line(180, 384, 25, 'The new tripod, 2 pm', {
      anchor: 'middle',
      font: SERIF,
      fill: '#2b3a67',
      more: 'font-style="italic"',
    }) +
    line(180, 408, 10, 'Photograph: Lav Varshney, CC0', { anchor: 'middle', fill: '#999' })
  return sheet({
    x: 956,
    y: 1624,
    width: 360,
    height: 424,
    angle: -3.4,
    fill: '#fbfbf8',
    content,
    over: tape(180, 6, 4),
  })
}

/** A yellow note. */
export function stickyNote() {
  const text = [
    'Whoever took the',
    '25 mm eyepiece:',
    'please put it back,',
    'no questions asked.',
    '',
    '(I know it was you,',
    'Henrik.)',
  ]
  const content = lines(26, 52, 23, 30, text, { font: SERIF, fill: '#3b3310', more: 'font-style="italic"' })
  return sheet({ x: 3462, y: 1822, width: 250, height: 246, angle: 4.2, fill: '#ffe779', content })
}

/** A concert ticket. */
export function ticket() {
  const bars = Array.from({ length: 46 }, (_, i) =>
    box(392 + i * 2.4, 24, (i * 7) % 5 < 2 ? 1.8 : 0.9, 76, '#222'),
  )
  const content =
    box(8, 8, 504, 154, 'none', 'stroke="#8c2f39" stroke-width="2"') +
    line(28, 46, 26, 'Ensemble Parallax', { font: SERIF, fill: '#8c2f39', more: 'font-weight="bold"' }) +
    line(28, 74, 15, 'Music for strings and dome · 22 November · 20:00') +
    line(28, 102, 15, 'Row K  Seat 17  ·  18.00', { font: MONO }) +
    line(
      28,
      130,
      11,
      'Not transferable. Latecomers will be admitted between pieces. Cough sweets at the desk.',
      { fill: '#555' },
    ) +
    line(28, 148, 9, 'No. 000417-K17-2211 · issued 03.11. 14:52 · desk 2 · VAT incl. 7 %', {
      font: MONO,
      fill: '#777',
    }) +
    `<line x1="380" y1="8" x2="380" y2="116" stroke="#8c2f39" stroke-width="2" stroke-dasharray="5 5"/>${bars.join('')}`
  return sheet({
    x: 2910,
    y: 1886,
    width: 520,
    height: 170,
    angle: -2.2,
    fill: '#fbeef0',
    content,
    over: pin(300, 8, '#c9302c'),
  })
}
