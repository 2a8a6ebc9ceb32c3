// Small SVG building blocks of the sample picture: sheets of paper, photographs, lines of type, pins.

const escapeText = (text) =>
  String(text).replace(/[<&>]/g, (c) => ({ '<': '&lt;', '&': '&amp;', '>': '&gt;' })[c])

/** One line of type; `anchor` is 'start', 'middle' or 'end', `y` the baseline. */
export function line(
  x,
  y,
  size,
  text,
  { font = 'Liberation Sans', fill = '#222', anchor = 'start', more = '' } = {},
) {
  return `<text x="${x}" y="${y}" font-family="${font}" font-size="${size}" fill="${fill}" text-anchor="${anchor}" ${more}>${escapeText(text)}</text>`
}

/** Lines of type below each other, `leading` apart. */
export function lines(x, y, size, leading, texts, options) {
  return texts.map((text, i) => line(x, y + i * leading, size, text, options)).join('')
}

/** A rectangle. */
export function box(x, y, width, height, fill, more = '') {
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${fill}" ${more}/>`
}

/** An embedded picture. */
export function photo(href, x, y, width, height, more = '') {
  return `<image href="${href}" x="${x}" y="${y}" width="${width}" height="${height}" ${more}/>`
}

/** A push pin. */
export function pin(x, y, color) {
  return (
    `<ellipse cx="${x + 9}" cy="${y + 12}" rx="17" ry="13" fill="#000" opacity=".35" filter="url(#soft)"/>` +
    `<circle cx="${x}" cy="${y}" r="15" fill="${color}"/><circle cx="${x}" cy="${y}" r="15" fill="url(#gloss)"/>` +
    `<circle cx="${x - 2}" cy="${y - 3}" r="8" fill="${color}"/><circle cx="${x - 4}" cy="${y - 6}" r="3.5" fill="#fff" opacity=".75"/>`
  )
}

/** A strip of sticky tape around (x, y). */
export function tape(x, y, angle) {
  return `<rect x="${x - 62}" y="${y - 17}" width="124" height="34" fill="#efe6bd" opacity=".72" transform="rotate(${angle} ${x} ${y})"/>`
}

/** A sheet of `width` x `height` at (x, y), turned by `angle` degrees, with its shadow; `content` is drawn on it. Below `shade` there is none. */
export function sheet({
  x,
  y,
  width,
  height,
  angle = 0,
  fill = '#fdfcf7',
  shade = height,
  content,
  over = '',
}) {
  return (
    `<g transform="translate(${x} ${y}) rotate(${angle} ${width / 2} ${height / 2})">` +
    `<rect x="8" y="12" width="${width}" height="${shade}" fill="#1d0f04" opacity=".55" filter="url(#shadow)"/>` +
    `${box(0, 0, width, height, fill)}<rect width="${width}" height="${shade}" fill="url(#sheen)"/>${content}${over}</g>`
  )
}

/** Filters and gradients that the blocks above refer to. */
export const definitions = `
<filter id="shadow" x="-10%" y="-10%" width="125%" height="125%"><feGaussianBlur stdDeviation="11"/></filter>
<filter id="soft" x="-50%" y="-50%" width="200%" height="200%"><feGaussianBlur stdDeviation="4"/></filter>
<radialGradient id="gloss" cx=".35" cy=".3" r=".8"><stop offset="0" stop-color="#fff" stop-opacity=".35"/><stop offset="1" stop-color="#000" stop-opacity=".45"/></radialGradient>
<linearGradient id="sheen" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="#fff" stop-opacity=".25"/><stop offset=".5" stop-color="#fff" stop-opacity="0"/><stop offset="1" stop-color="#6b4a20" stop-opacity=".13"/></linearGradient>
<radialGradient id="light" cx=".38" cy=".25" r=".95"><stop offset="0" stop-color="#fff6df" stop-opacity=".16"/><stop offset=".5" stop-color="#000" stop-opacity="0"/><stop offset="1" stop-color="#0c0500" stop-opacity=".3"/></radialGradient>
<filter id="grain" x="0" y="0" width="100%" height="100%"><feTurbulence type="fractalNoise" baseFrequency=".004 .11" numOctaves="4" seed="4"/><feColorMatrix values="0 0 0 0 .16  0 0 0 0 .08  0 0 0 0 .03  0 0 0 1.1 -.28"/></filter>
<filter id="grainDown" x="0" y="0" width="100%" height="100%"><feTurbulence type="fractalNoise" baseFrequency=".11 .004" numOctaves="4" seed="9"/><feColorMatrix values="0 0 0 0 .16  0 0 0 0 .08  0 0 0 0 .03  0 0 0 1.1 -.28"/></filter>`
