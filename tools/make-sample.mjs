// Makes packages/cli/assets/sample.jpg: a 3840x2160 notice board of public-domain photographs, notices and small print.
// node tools/make-sample.mjs DIR, where DIR holds scikit-image's wheel, unpacked (pip download scikit-image==0.26.0).
// Needs the DejaVu and Liberation fonts. The photographs' sources: packages/cli/assets/SOURCES.md.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { notices } from './sample/notices.mjs'
import { box, definitions } from './sample/svg.mjs'

const sharp = createRequire(new URL('../packages/ps3-encoder/package.json', import.meta.url))('sharp')
const WIDTH = 3840
const HEIGHT = 2160
const FRAME = 62

const folder = process.argv[2]
if (!folder) {
  console.error('usage: node tools/make-sample.mjs DIR (a folder with skimage/data in it)')
  process.exit(2)
}
const data = (name) => join(folder, 'skimage', 'data', name)

/** A photograph as a data URL, so that the SVG stands alone. */
async function href(name, edit = (picture) => picture) {
  const bytes = await edit(sharp(data(name)))
    .png()
    .toBuffer()
  return `data:image/png;base64,${bytes.toString('base64')}`
}

/** Cork: crushed stone made small, mirrored so that no seam shows, and dyed. */
async function cork() {
  const small = await sharp(data('gravel.png')).resize(200, 200).toBuffer()
  const mirrored = await sharp({ create: { width: 400, height: 400, channels: 3, background: '#000' } })
    .composite([
      { input: small, left: 0, top: 0 },
      { input: await sharp(small).flop().toBuffer(), left: 200, top: 0 },
      { input: await sharp(small).flip().toBuffer(), left: 0, top: 200 },
      { input: await sharp(small).rotate(180).toBuffer(), left: 200, top: 200 },
    ])
    .png()
    .toBuffer()
  const tile = await sharp(mirrored).greyscale().linear(0.42, 118).blur(0.6).png().toBuffer()
  return sharp({ create: { width: WIDTH, height: HEIGHT, channels: 3, background: '#000' } })
    .composite([
      { input: tile, tile: true },
      { input: Buffer.from(overlay('#c98f52')), blend: 'multiply' },
    ])
    .png()
    .toBuffer()
}

const overlay = (fill) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}">${box(0, 0, WIDTH, HEIGHT, fill)}</svg>`

/** Four wooden bars, mitred at the corners. */
function frame() {
  const [w, h, f] = [WIDTH, HEIGHT, FRAME]
  const grain = (x, y, width, height, name) => box(x, y, width, height, '#fff', `filter="url(#${name})"`)
  const bars = [
    [`0,0 ${w},0 ${w - f},${f} ${f},${f}`, '#8a5a2e', grain(0, 0, w, f, 'grain')],
    [`0,${h} ${w},${h} ${w - f},${h - f} ${f},${h - f}`, '#74481f', grain(0, h - f, w, f, 'grain')],
    [`0,0 ${f},${f} ${f},${h - f} 0,${h}`, '#80522a', grain(0, 0, f, h, 'grainDown')],
    [`${w},0 ${w - f},${f} ${w - f},${h - f} ${w},${h}`, '#6b421c', grain(w - f, 0, f, h, 'grainDown')],
  ]
  const wood = bars.map(
    ([points, fill, lines], i) =>
      `<clipPath id="bar${i}"><polygon points="${points}"/></clipPath><polygon points="${points}" fill="${fill}"/>` +
      `<g clip-path="url(#bar${i})">${lines}</g>`,
  )
  const edge = `<rect x="${f}" y="${f}" width="${w - 2 * f}" height="${h - 2 * f}" fill="none"`
  return (
    `${edge} stroke="#000" stroke-width="44" opacity=".5" filter="url(#shadow)"/>${wood.join('')}` +
    `${edge} stroke="#3a2008" stroke-width="4"/>`
  )
}

const photographs = {
  hubble: await href('hubble_deep_field.jpg'),
  rocket: await href('rocket.jpg'),
  coffee: await href('coffee.png'),
  cat: await href('chelsea.png'),
  astronaut: await href('astronaut.png'),
  camera: await href('camera.png'),
  coins: await href('coins.png'),
  retina: await href('retina.jpg', (picture) => picture.resize(600, 600)),
  grass: await href('grass.png'),
}

/** Prose set by Pango: wrapped and justified. `size` in pixels; gives the picture and its size. */
async function prose(text, { width, size, font = 'Liberation Serif', color = '#222', justify = true }) {
  const { data: png, info } = await sharp({
    text: {
      text: `<span foreground="${color}">${text}</span>`,
      font: `${font} ${size}`,
      width,
      justify,
      rgba: true,
      dpi: 72,
      spacing: Math.round(size * 0.25),
    },
  })
    .png()
    .toBuffer({ resolveWithObject: true })
  return { href: `data:image/png;base64,${png.toString('base64')}`, width: info.width, height: info.height }
}

const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}"><defs>${definitions}</defs>
${await notices(photographs, prose)}${frame()}${box(0, 0, WIDTH, HEIGHT, 'url(#light)')}</svg>`
const output = fileURLToPath(new URL('../packages/cli/assets/sample.jpg', import.meta.url))
const { size } = await sharp(await cork())
  .composite([{ input: await sharp(Buffer.from(svg), { unlimited: true }).png().toBuffer() }])
  .removeAlpha()
  .jpeg({ quality: 88, chromaSubsampling: '4:4:4', mozjpeg: true })
  .toFile(output)
console.log(`${output}: ${WIDTH}x${HEIGHT}, ${size} bytes`)
