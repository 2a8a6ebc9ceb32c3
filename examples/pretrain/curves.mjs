// Logs of runs, one after the other, as a picture: node curves.mjs RUN... > curves.svg
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const COLORS = ['#2458c5', '#c53a24', '#7a7a7a', '#2f8f46']
const [WIDTH, HEIGHT, MARGIN] = [420, 240, 40]

/** Records of runs as of one, and the steps at which each begins. */
async function readRuns(runs) {
  const starts = []
  const records = []
  for (const run of runs) {
    const start = records.at(-1)?.step ?? 0
    starts.push(start)
    const lines = (await readFile(join(run, 'log.jsonl'), 'utf8')).trim().split('\n')
    for (const line of lines) {
      const record = JSON.parse(line)
      records.push({ ...record, step: start + record.step })
    }
  }
  return { starts, records }
}

/**
 * An SVG picture.
 * @param panels side by side: `title`, the `names` of what is shown as the runs' logs have them, and `runs`; `isOfOneScale`: else
 *   each curve has its own, for what differs by orders of magnitude
 */
export async function drawCurves(panels) {
  const drawn = []
  for (const [i, { runs, ...rest }] of panels.entries())
    drawn.push(panel({ ...rest, ...(await readRuns(runs)) }, i * WIDTH))
  const size = `viewBox="0 0 ${panels.length * WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="11"`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}><rect width="100%" height="100%" fill="#fff"/>${drawn.join('')}</svg>\n`
}

function panel({ title, names, isOfOneScale, starts, records }, left) {
  const last = records.at(-1).step
  const curves = names.map((name) => records.filter((record) => name in record).map((r) => [r.step, r[name]]))
  const top = (curve) => Math.max(...(isOfOneScale ? curves.flat() : curve).map(([, value]) => value))
  const at = (step) => left + MARGIN + (step / last) * (WIDTH - 2 * MARGIN)
  const drawn = curves.map((curve, i) => {
    const points = curve.map(([step, value]) => {
      const y = HEIGHT - MARGIN - (value / top(curve)) * (HEIGHT - 2 * MARGIN)
      return `${at(step).toFixed(1)},${y.toFixed(1)}`
    })
    const [x, label] = [left + MARGIN + Math.round((WIDTH - MARGIN) / names.length) * i, labelOf(names[i])]
    const scale = isOfOneScale ? '' : `, up to ${top(curve).toPrecision(2)}`
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${COLORS[i]}"/><text x="${x}" y="${HEIGHT - 8}" fill="${COLORS[i]}">${label}${scale}</text>`
  })
  const borders = starts
    .slice(1)
    .map((step) => `<path d="M${at(step).toFixed(1)},${MARGIN}V${HEIGHT - MARGIN}" stroke="#bbb"/>`)
  const frame = `<path d="M${left + MARGIN},${MARGIN}V${HEIGHT - MARGIN}H${left + WIDTH - MARGIN}" fill="none" stroke="#000"/>`
  return `<text x="${left + MARGIN}" y="24" font-weight="bold">${title}${isOfOneScale ? `, up to ${top([]).toPrecision(2)}` : ''}, ${last} steps</text>${borders.join('')}${frame}${drawn.join('')}`
}

const labelOf = (name) => name.replace(/^(evaluation\/)?(loss|selection|accuracy)\//, '').split('@')[0]

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const runs = process.argv.slice(2)
  const selected = ['topDown', 'bottomUp', 'random'].map((by) => `evaluation/selection/${by}@5%`)
  const panels = [
    { title: 'loss', names: ['loss/contrastive', 'loss/topDown', 'loss/bottomUp'], runs },
    { title: 'recall at 5 % of the patches', names: selected, runs, isOfOneScale: true },
  ]
  process.stdout.write(await drawCurves(panels))
}
