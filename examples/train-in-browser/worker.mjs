// The worker's side: trains here, so that the page stays responsive. It is told to start, to stop and to go on.
import { openRun } from './run.mjs'

let run
let stop

addEventListener('message', async ({ data: { type, settings, wasmPaths } }) => {
  if (type === 'stop') return stop?.abort()
  stop = new AbortController()
  try {
    if (type === 'start') run = await openRun(settings, wasmPaths, (message) => postMessage(message))
    await run(stop.signal)
    postMessage({ type: 'done' })
  } catch (error) {
    postMessage(stop.signal.aborted ? { type: 'stopped' } : { type: 'failed', reason: error.message })
  }
})
