// report.html: one self-contained page with the picture, its overlays to switch between, and the bill in numbers.

import type { PictureSummary } from '../encode/summary.ts'
import { formatBytes, formatCount, formatDuration, formatFlops, formatShare } from '../format.ts'
import { cssColor, scaleColor } from './colors.ts'
import type { Figure } from './figures.ts'

/** A question about the picture and what came of it. */
export interface AnswerSection {
  question: string
  answer: string
  /** Rows of the token bill. */
  bill: readonly (readonly string[])[]
  note: string
}

/** The whole page as text. It requests nothing from anywhere. */
export function reportHtml(
  summary: PictureSummary,
  pictures: readonly Figure[],
  answered?: AnswerSection,
): string {
  const name = escapeHtml(summary.picture.split(/[\\/]/).pop() ?? summary.picture)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>PS3: ${name}</title>
<style>${STYLE}${switchStyle(pictures.length)}</style>
</head>
<body>
<header>
<h1>${name}</h1>
<p>${summary.width} × ${summary.height} pixels, encoded by ${escapeHtml(summary.model.name)}${askedFor(summary)}</p>
</header>
<main>
<section class="pictures">
${pictures.map(({ title }, i) => `<input type="radio" name="show" id="show-${i}"${i === 1 ? ' checked' : ''}><label for="show-${i}">${escapeHtml(title)}</label>`).join('\n')}
<div class="frame">
${pictures.map(({ title, caption, dataUri }, i) => `<figure class="shown-${i}"><img src="${dataUri}" alt="${escapeHtml(title)}"><figcaption>${escapeHtml(caption)}</figcaption></figure>`).join('\n')}
</div>
</section>
<section>
${answered ? answerHtml(answered) : ''}<h2>Tokens</h2>
${table(['scale', 'pixels', 'grid', 'looked at', 'of', 'share'], scaleRows(summary))}
<p>${tokenBill(summary)}</p>
<h2>Compute</h2>
${table(['part', 'work'], computeRows(summary))}
<p>${computeBill(summary)}</p>
<h2>Time</h2>
${table(
  ['stage', 'time'],
  summary.stages.map(({ name: stage, milliseconds }) => [stage, formatDuration(milliseconds)]),
)}
<p>Backend: ${escapeHtml(summary.backend.describe)}. Peak memory of the process: ${formatBytes(summary.peakMemoryBytes)}.</p>
</section>
</main>
</body>
</html>
`
}

function answerHtml({ question, answer, bill, note }: AnswerSection): string {
  const rows = bill.map((row) => row.map(escapeHtml))
  return `<h2>${escapeHtml(question)}</h2>
<p>${escapeHtml(answer)}</p>
<h2>What the language model reads</h2>
${table(['part', 'tokens'], rows)}
<p>${escapeHtml(note)}</p>
`
}

function askedFor({ choices }: PictureSummary): string {
  const asked = [
    choices.prompt === undefined ? undefined : `prompt “${escapeHtml(choices.prompt)}”`,
    boxCount(choices.boxes.length),
    choices.looks === undefined ? undefined : `looks: ${choices.looks}`,
    choices.tokens === undefined ? undefined : `tokens: ${choices.tokens}`,
    choices.coverage === undefined ? undefined : `coverage ${choices.coverage}`,
    choices.scales === undefined ? undefined : `scales above the whole: ${choices.scales}`,
  ].filter((part) => part !== undefined)
  return asked.length > 0 ? `; ${asked.join(', ')}` : '; bottom-up, one look'
}

function boxCount(count: number): string | undefined {
  if (count === 0) return undefined
  return count === 1 ? 'one box' : `${count} boxes`
}

function scaleRows({ scales }: PictureSummary): string[][] {
  return scales.map(({ scale, pixels, grid, selected, all }) => [
    scale === 0
      ? 'whole picture'
      : `<span style="color:${cssColor(scaleColor(scale))}">■</span> scale ${scale}`,
    `${pixels}`,
    `${grid.height} × ${grid.width}`,
    formatCount(selected),
    formatCount(all),
    formatShare(selected / all),
  ])
}

function tokenBill({ tokens }: PictureSummary): string {
  const { lowRes, highRes, allHighRes, perLook } = tokens
  const ratio = highRes > 0 ? `, ${(allHighRes / highRes).toFixed(1)} times fewer than all` : ''
  return (
    `${formatCount(highRes)} of ${formatCount(allHighRes)} high-resolution patches (${formatShare(highRes / allHighRes)})${ratio}, ` +
    `${perLook.length === 1 ? 'in one look' : `in ${perLook.length} looks: ${perLook.map(formatCount).join(' + ') || 'none'}`}. ` +
    `With the ${formatCount(lowRes)} low-resolution tokens that makes ${formatCount(lowRes + highRes)} tokens.`
  )
}

function computeRows({ flops }: PictureSummary): string[][] {
  return [
    ['low-res pass', formatFlops(flops.lowRes)],
    ['finding out where to look', formatFlops(flops.selection)],
    ['looking closely', formatFlops(flops.highRes)],
    ['together', formatFlops(flops.total)],
    ['encoding every patch of every scale', formatFlops(flops.everything)],
  ]
}

const computeBill = ({ flops }: PictureSummary) =>
  `${(flops.everything / flops.total).toFixed(1)} times less than encoding everything.`

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: 'th' | 'td') =>
    `<tr>${cells.map((c) => `<${tag}>${c}</${tag}>`).join('')}</tr>`
  return `<table><thead>${line(head, 'th')}</thead><tbody>${rows.map((row) => line(row, 'td')).join('')}</tbody></table>`
}

/** Which picture is shown follows the radio buttons, without a script. */
function switchStyle(count: number): string {
  const rules = Array.from(
    { length: count },
    (_, i) => `#show-${i}:checked~.frame .shown-${i}{display:block}`,
  )
  return rules.join('')
}

const escapeHtml = (text: string) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)

const STYLE = `
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{margin:0 auto;max-width:1640px;padding:1rem}
h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:1.2rem 0 .3rem}
p{margin:.3rem 0}
.pictures input{position:absolute;opacity:0}
.pictures label{display:inline-block;padding:.25rem .7rem;margin:.4rem .3rem .4rem 0;border:1px solid #8888;border-radius:1rem;cursor:pointer}
.pictures input:checked+label{background:#3b6fd4;color:#fff;border-color:#3b6fd4}
.pictures input:focus-visible+label{outline:2px solid #3b6fd4;outline-offset:2px}
.frame figure{display:none;margin:0}.frame img{width:100%;height:auto;border-radius:4px}figcaption{color:#888;font-size:.9rem}
table{border-collapse:collapse}
th,td{text-align:right;padding:.15rem .8rem .15rem 0;font-variant-numeric:tabular-nums}
th:first-child,td:first-child{text-align:left}
th{font-weight:600;border-bottom:1px solid #8888}
`
