// The page: settings, buttons, and what the worker tells.
import { showExamples } from './maps.mjs'
import { plotLoss } from './plot.mjs'

const element = (id) => document.getElementById(id)
const wasmPaths = new URL('wasm/', document.baseURI).href
const [form, button, again] = [element('settings'), element('run'), element('again')]

let worker
let losses = []
let lastStep = 1
let drawMaps
/** fresh, loading, running, stopping, stopped, done or failed: what the buttons say follows from it. */
let state

const BUTTONS = {
  fresh: 'Start',
  stopped: 'Continue',
  running: 'Stop',
  stopping: 'Stopping …',
  loading: 'Loading …',
}

function become(next) {
  state = next
  document.body.dataset.state = next
  button.textContent = BUTTONS[next] ?? 'Start'
  button.disabled = !['fresh', 'stopped', 'running'].includes(next)
  again.disabled = next === 'fresh'
  for (const field of form.elements) field.disabled = next !== 'fresh'
}

const say = (text, isProblem = false) => {
  element('message').textContent = text
  element('message').className = isProblem ? 'problem' : ''
}

const show = (id, text) => {
  element(id).textContent = text
}

const HEARD = {
  ready({ describe, lastStep: steps, examples }) {
    lastStep = steps
    show('backend', describe)
    element('examples').replaceChildren()
    drawMaps = showExamples(element('examples'), examples)
    become('running')
    say('Training. The first step takes longer than the others: it prepares the backend.')
  },
  step({ step, loss, secondsPerStep, tensors }) {
    losses.push(loss)
    if (step === 2) say('Training.')
    show('step', `${step} of ${lastStep}`)
    show('loss', loss.toFixed(3))
    show(
      'time',
      `${secondsPerStep.toFixed(2)} s a step, ${duration((lastStep - step) * secondsPerStep)} left`,
    )
    show('tensors', String(tensors))
    plotLoss(element('plot'), losses, lastStep)
  },
  maps: ({ maps }) => drawMaps(maps),
  evaluation({ topDown, bottomUp, random }) {
    const [asked, unasked, chance] = [topDown, bottomUp, random].map(
      (share) => `${Math.round(100 * share)} %`,
    )
    show(
      'found',
      `in 5 % of the patches ${asked} of the box with the text, ${unasked} without, ${chance} by chance`,
    )
  },
  stopped() {
    become('stopped')
    say('Stopped. Nothing is lost: it goes on where it was.')
  },
  done() {
    become('done')
    say('Done.')
  },
  failed({ reason }) {
    become('failed')
    say(explain(reason), true)
  },
}

function start() {
  const settings = Object.fromEntries(new FormData(form))
  settings.captions = Number(settings.captions)
  settings.steps = Number(settings.steps)
  losses = []
  become('loading')
  say('Loading the backend …')
  worker = new Worker(new URL('worker.js', import.meta.url), { type: 'module' })
  worker.addEventListener('message', ({ data }) => HEARD[data.type](data))
  worker.addEventListener('error', (event) =>
    HEARD.failed({ reason: event.message || 'the worker could not be loaded' }),
  )
  worker.postMessage({ type: 'start', settings, wasmPaths })
}

/** Ends the worker, and with it everything that it holds. */
function startOver() {
  worker?.terminate()
  worker = undefined
  losses = []
  for (const id of ['backend', 'step', 'loss', 'time', 'found', 'tensors']) show(id, '–')
  element('examples').replaceChildren()
  plotLoss(element('plot'), losses, 10)
  say('')
  become('fresh')
}

button.addEventListener('click', () => {
  if (state === 'fresh') return form.reportValidity() && start()
  become(state === 'running' ? 'stopping' : 'running')
  worker.postMessage({ type: state === 'stopping' ? 'stop' : 'continue' })
})
again.addEventListener('click', startOver)

const explain = (reason) =>
  reason.startsWith('No backend can be used: webgpu')
    ? `WebGPU cannot be used here: ${reason.split('webgpu: ')[1]}. Start over with WebAssembly, or open the page in a browser with WebGPU (Chrome, Edge, Safari 26, Firefox 141 or later), over https or from localhost.`
    : `It failed: ${reason}`

function duration(seconds) {
  return seconds < 100 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`
}

const asked = new URLSearchParams(location.search)
for (const [name, value] of asked) {
  if (form.elements[name]) form.elements[name].value = value
}
startOver()
addEventListener('resize', () => plotLoss(element('plot'), losses, lastStep))
// Without a GPU the toy takes an hour, the small one minutes.
if (!asked.has('size') && !(await navigator.gpu?.requestAdapter()) && state === 'fresh') {
  form.elements.size.value = 'small'
}
