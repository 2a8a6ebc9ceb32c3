// Pictures with the asked-for box, and where the model looks in them.
import { sharp } from './plot.mjs'

/** One row per example; gives what draws their maps. */
export function showExamples(parent, examples) {
  const rows = examples.map((example) => addRow(parent, example))
  return (maps) => {
    for (const [i, { bottomUp, topDown }] of maps.entries()) {
      rows[i].withoutText(bottomUp)
      rows[i].withText(topDown)
    }
  }
}

function addRow(parent, { image, caption, boxes: [box] }) {
  const picture = bitmapOf(image)
  const row = parent.appendChild(document.createElement('div'))
  row.className = 'example'
  const asked = figure(row, `asked for: “${caption}”`)
  drawPicture(asked.canvas, picture, box)
  return {
    withoutText: mapDrawer(figure(row), 'without the text', picture, box),
    withText: mapDrawer(figure(row), `with “${caption}”`, picture, box),
  }
}

function figure(row, text = '') {
  const element = row.appendChild(document.createElement('figure'))
  const canvas = element.appendChild(document.createElement('canvas'))
  const caption = element.appendChild(document.createElement('figcaption'))
  caption.textContent = text
  return { canvas, caption }
}

/** The map over the darkened picture; the brightest place is white, and the caption says how probable it is. */
function mapDrawer({ canvas, caption }, name, picture, box) {
  return (map) => {
    const largest = map.data.reduce((max, value) => Math.max(max, value), 0)
    drawPicture(canvas, picture, box, heatOf(map, largest))
    caption.textContent = `${name}; white: ${largest.toFixed(2)}`
  }
}

function drawPicture(canvas, picture, [x1, y1, x2, y2], heat) {
  const { context, width, height } = sharp(canvas)
  const scale = width / picture.width
  context.imageSmoothingEnabled = false
  context.drawImage(picture, 0, 0, width, height)
  if (heat) context.drawImage(heat, 0, 0, width, height)
  const rect = [x1 * scale - 2, y1 * scale - 2, (x2 - x1) * scale + 4, (y2 - y1) * scale + 4]
  for (const [lineWidth, color] of [
    [4, '#000'],
    [2, '#fff'],
  ]) {
    context.lineWidth = lineWidth
    context.strokeStyle = color
    context.strokeRect(...rect)
  }
}

/** 8-bit RGB as something that can be drawn. */
const bitmapOf = ({ width, height, data }) =>
  bitmap(width, height, (i) => [data[3 * i], data[3 * i + 1], data[3 * i + 2], 255])

/** From see-through black over purple and orange to white. */
const HEAT = [
  [0, 0, 0, 190],
  [90, 20, 130, 200],
  [225, 85, 40, 215],
  [255, 200, 60, 230],
  [255, 255, 255, 255],
]

function heatOf({ width, height, data }, largest) {
  return bitmap(width, height, (i) => {
    const place = ((HEAT.length - 1) * data[i]) / Math.max(largest, 1e-9)
    const below = Math.min(Math.floor(place), HEAT.length - 2)
    return HEAT[below].map((value, c) => value + (HEAT[below + 1][c] - value) * (place - below))
  })
}

function bitmap(width, height, colorOf) {
  const canvas = document.createElement('canvas')
  canvas.width = width
  canvas.height = height
  const pixels = new Uint8ClampedArray(width * height * 4)
  for (let i = 0; i < width * height; i++) pixels.set(colorOf(i), 4 * i)
  canvas.getContext('2d').putImageData(new ImageData(pixels, width, height), 0, 0)
  return canvas
}
