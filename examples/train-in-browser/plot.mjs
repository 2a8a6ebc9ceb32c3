// The loss of every step as a line over its running mean, with axes.

const MARGIN = { left: 58, right: 14, top: 12, bottom: 42 }
const MEAN_OF = 20
const FONT = '13px system-ui, sans-serif'

/**
 * Draws losses of steps 1, 2, ... on a canvas, at the size that it has on the page. The axis of steps grows with them, to
 * `lastStep` at most.
 */
export function plotLoss(canvas, losses, lastStep) {
  const { context, width, height } = sharp(canvas)
  const [left, bottom] = [MARGIN.left, height - MARGIN.bottom]
  const [across, up] = [width - MARGIN.left - MARGIN.right, bottom - MARGIN.top]
  const top = niceStep(Math.max(...losses, 0) || 1).top
  const end = Math.min(lastStep, niceStep(Math.max(10, losses.length)).top)
  const x = (step) => left + (across * step) / end
  const y = (loss) => bottom - (up * loss) / top
  context.font = FONT
  context.lineWidth = 1
  context.textAlign = 'right'
  context.textBaseline = 'middle'
  for (const value of ticks(top)) {
    line(context, '#e4e4e0', [
      [left, y(value)],
      [left + across, y(value)],
    ])
    context.fillText(label(value), left - 8, y(value))
  }
  context.textAlign = 'center'
  context.textBaseline = 'top'
  for (const value of ticks(end).filter(Number.isInteger))
    context.fillText(label(value), x(value), bottom + 7)
  context.fillText('step', left + across / 2, height - 17)
  context.save()
  context.translate(12, MARGIN.top + up / 2)
  context.rotate(-Math.PI / 2)
  context.fillText('loss (nats, weighted sum)', 0, -6)
  context.restore()
  line(context, '#55554f', [
    [left, MARGIN.top],
    [left, bottom],
    [left + across, bottom],
  ])
  const points = losses.map((loss, i) => [x(i + 1), y(loss)])
  line(context, '#a9c0ee', points)
  context.lineWidth = 2.5
  line(
    context,
    '#1d4fb8',
    runningMean(losses).map((loss, i) => [x(i + 1), y(loss)]),
  )
  context.textAlign = 'right'
  context.fillStyle = '#1d4fb8'
  context.fillText(`mean of the last ${MEAN_OF} steps`, left + across, MARGIN.top + 2)
  context.fillStyle = '#7d9bd8'
  context.fillText('each step', left + across, MARGIN.top + 20)
}

/** A canvas's context in CSS pixels, with as many real ones as the screen has; empty. */
export function sharp(canvas) {
  const { width, height } = canvas.getBoundingClientRect()
  const ratio = globalThis.devicePixelRatio
  canvas.width = Math.round(width * ratio)
  canvas.height = Math.round(height * ratio)
  const context = canvas.getContext('2d')
  context.scale(ratio, ratio)
  context.fillStyle = '#33332f'
  return { context, width, height }
}

function line(context, color, points) {
  context.strokeStyle = color
  context.beginPath()
  for (const [x, y] of points) context.lineTo(x, y)
  context.stroke()
}

const runningMean = (values) =>
  values.map((_, i) => {
    const window = values.slice(Math.max(0, i + 1 - MEAN_OF), i + 1)
    return window.reduce((sum, value) => sum + value, 0) / window.length
  })

/** 1, 2 or 5 times a power of ten, at most five of which reach `largest`; `top`: the first multiple that holds it. */
function niceStep(largest) {
  const power = 10 ** Math.floor(Math.log10(largest / 5))
  const step = power * [1, 2, 5, 10].find((factor) => factor * power * 5 >= largest)
  return { step, top: step * Math.ceil(largest / step) }
}

function ticks(largest) {
  const { step } = niceStep(largest)
  return Array.from({ length: Math.floor(largest / step + 1e-9) + 1 }, (_, i) => i * step)
}

const label = (value) => String(Number(value.toPrecision(6)))
