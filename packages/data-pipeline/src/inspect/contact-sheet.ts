// The contact sheet: one self-contained page with pictures, their boxes and captions, statistics, and what was skipped.

import type { SampleQuestion } from '../types.ts'
import type { Inspection, ShownSample } from './inspect.ts'
import type { Distribution } from './statistics.ts'

/** The whole page as text. It requests nothing from anywhere, and nothing from the data is taken for HTML. */
export function contactSheet(title: string, inspection: Inspection): string {
  const { samples, shards, withGlobalText, shown } = inspection
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
<p>${samples} samples in ${shards} shards, ${withGlobalText} with a global caption, ${inspection.skippedCount} skipped.</p>
<h2>Statistics</h2>
${statistics(inspection)}
<h2>Skipped</h2>
${skips(inspection)}
<h2>${shown.length} samples</h2>
<main>
${shown.map(card).join('\n')}
</main>
</body>
</html>
`
}

function statistics({ distributions, types }: Inspection): string {
  const rows = Object.entries(distributions).map(([name, found]) => {
    const numbers = found ? [found.count, found.min, found.median, found.mean, found.max].map(short) : []
    return `<tr><th>${escapeHtml(name)}</th>${numbers.map((n) => `<td>${n}</td>`).join('')}<td>${found ? bars(found) : 'none'}</td></tr>`
  })
  const kinds = Object.entries(types).map(([name, count]) => `${escapeHtml(name)}: ${count}`)
  return `<table><thead><tr><th></th><th>number</th><th>least</th><th>median</th><th>mean</th><th>most</th><th>from least to most</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table>
<p>Types: ${kinds.join(', ') || 'none'}.</p>`
}

function bars({ histogram }: Distribution): string {
  const most = Math.max(...histogram)
  const drawn = histogram.map((count, i) => {
    const height = count === 0 ? 0 : Math.max((20 * count) / most, 1)
    return `<rect x="${i * 5}" y="${(20 - height).toFixed(1)}" width="4" height="${height.toFixed(1)}"/>`
  })
  return `<svg class="bars" width="120" height="20" role="img" aria-label="histogram">${drawn.join('')}</svg>`
}

function skips({ skippedCount, skippedBy, skipped }: Inspection): string {
  if (skippedCount === 0) return '<p>Nothing was skipped.</p>'
  const reasons = Object.entries(skippedBy).sort((a, b) => b[1] - a[1])
  const counts = reasons.map(([reason, count]) => `<li>${count} × ${escapeHtml(reason)}</li>`)
  const each = skipped.map(
    ({ key, shard, reason }) =>
      `<li><b>${escapeHtml(key)}</b> in ${escapeHtml(shard)}: ${escapeHtml(reason)}</li>`,
  )
  const first = skipped.length < skippedCount ? `the first ${skipped.length}` : 'each'
  return `<ul>${counts.join('')}</ul><details><summary>${first}</summary><ul>${each.join('')}</ul></details>`
}

function card({ key, shard, width, height, record, thumbnail }: ShownSample): string {
  const { text = [], box = [], global_text: globalText, type, questions = [] } = record
  const line = (Math.max(width, height) / 160).toFixed(1)
  const rects = box.map(([x1 = 0, y1 = 0, x2 = 0, y2 = 0], i) => {
    const place = `x="${x1}" y="${y1}" width="${x2 - x1}" height="${y2 - y1}"`
    return `<rect ${place} stroke="${color(i)}" stroke-width="${line}"><title>${escapeHtml(text[i] ?? '')}</title></rect>`
  })
  const captions = text.map(
    (caption, i) => `<li style="color:${color(i)}"><span>${escapeHtml(caption)}</span></li>`,
  )
  const overall = [globalText ?? []].flat().map((caption) => `<p>${escapeHtml(caption)}</p>`)
  const source = `data:image/jpeg;base64,${Buffer.from(thumbnail).toString('base64')}`
  return `<figure><div><img src="${source}" alt="${escapeHtml(key)}" loading="lazy"><svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none">${rects.join('')}</svg></div>
<figcaption><b>${escapeHtml(key)}</b> ${width} × ${height}${type ? `, ${escapeHtml(type)}` : ''} <small>${escapeHtml(shard)}</small>${overall.join('')}<ol>${captions.join('')}</ol>${asked(questions)}</figcaption></figure>`
}

/** Questions with their answers, and where these are to be found. */
function asked(questions: readonly SampleQuestion[]): string {
  if (questions.length === 0) return ''
  const items = questions.map(({ question, answer, kind, minResolution, boxes }) => {
    const places = boxes.map((box) => `[${box.map(short).join(', ')}]`).join(' ')
    const facts = [kind, minResolution && `from ${minResolution} px`, places].filter(Boolean).join(', ')
    return `<li>${escapeHtml(question)} <b>${escapeHtml(answer)}</b> <small>${escapeHtml(facts)}</small></li>`
  })
  return `<details open><summary>${questions.length} questions</summary><ul>${items.join('')}</ul></details>`
}

/** Hues that differ from each other for neighbouring numbers: steps of the golden angle. */
const color = (i: number): string => `hsl(${Math.round((i * 137.5) % 360)} 75% 45%)`

const short = (value: number): string => String(Number(value.toPrecision(4)))

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)

const STYLE = `
:root{color-scheme:light dark;font:15px/1.45 system-ui,sans-serif}
body{margin:0 auto;max-width:1640px;padding:1rem}
h1{font-size:1.4rem;overflow-wrap:anywhere}h2{font-size:1.05rem}
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(320px,1fr));gap:1rem}
figure{margin:0;border:1px solid #8886;border-radius:6px;overflow:hidden}
figure>div{position:relative;line-height:0}img{width:100%;height:auto}
figure svg{position:absolute;inset:0;width:100%;height:100%}figure rect{fill:none}
figcaption{padding:.4rem .6rem;overflow-wrap:anywhere}figcaption p{margin:.2rem 0}
ol{margin:.2rem 0;padding-left:1.4rem}li>span{color:CanvasText}small{color:#888}
table{border-collapse:collapse}th,td{text-align:right;padding:.1rem .7rem .1rem 0;font-variant-numeric:tabular-nums}
tbody th{text-align:left;font-weight:400}.bars rect{fill:currentColor}
`
