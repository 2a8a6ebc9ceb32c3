// Logs of runs, one after the other, as a picture: node curves.mjs RUN... > curves.svg
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

const PANELS = [
  ['loss', ['loss/contrastive', 'loss/topDown', 'loss/bottomUp']],
  [
    'recall at 5 % of the patches',
    ['topDown', 'bottomUp', 'random'].map((by) => `evaluation/selection/${by}@5%`),
  ],
]
const COLORS = ['#2458c5', '#c53a24', '#7a7a7a']
const [WIDTH, HEIGHT, MARGIN] = [420, 240, 40]

/** Where each run begins, in steps of all before it. */
const starts = []
const records = []
for (const run of process.argv.slice(2)) {
  const start = records.at(-1)?.step ?? 0
  starts.push(start)
  const lines = (await readFile(join(run, 'log.jsonl'), 'utf8')).trim().split('\n')
  for (const line of lines) {
    const record = JSON.parse(line)
    records.push({ ...record, step: start + record.step })
  }
}
const last = records.at(-1).step
const panels = PANELS.map(([title, names], i) => panel(title, names, i * WIDTH))
process.stdout.write(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${PANELS.length * WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#fff"/>${panels.join('')}</svg>\n`,
)

function panel(title, names, left) {
  const curves = names.map((name) => records.filter((record) => name in record).map((r) => [r.step, r[name]]))
  // A curve of its own scale where they differ by orders of magnitude: losses.
  const top = (curve) => Math.max(...(title === 'loss' ? curve : curves.flat()).map(([, value]) => value))
  const at = (step) => left + MARGIN + (step / last) * (WIDTH - 2 * MARGIN)
  const drawn = curves.map((curve, i) => {
    const points = curve.map(([step, value]) => {
      const y = HEIGHT - MARGIN - (value / top(curve)) * (HEIGHT - 2 * MARGIN)
      return `${at(step).toFixed(1)},${y.toFixed(1)}`
    })
    const label = `${names[i].split('/').at(-1).split('@')[0]}, up to ${top(curve).toPrecision(2)}`
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${COLORS[i]}"/><text x="${left + MARGIN + 130 * i}" y="${HEIGHT - 8}" fill="${COLORS[i]}">${label}</text>`
  })
  const borders = starts
    .slice(1)
    .map((step) => `<path d="M${at(step).toFixed(1)},${MARGIN}V${HEIGHT - MARGIN}" stroke="#bbb"/>`)
  const frame = `<path d="M${left + MARGIN},${MARGIN}V${HEIGHT - MARGIN}H${left + WIDTH - MARGIN}" fill="none" stroke="#000"/>`
  return `<text x="${left + MARGIN}" y="24" font-weight="bold">${title}, ${last} steps</text>${borders.join('')}${frame}${drawn.join('')}`
}
