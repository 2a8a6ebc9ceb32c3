// Both op tables inside a page: the same checks as in Node, on one of the browser's backends.
import { answerOpener } from '../../../tools/chromium/page.ts'
import { type BackendName, useBackend } from '../src/index.ts'
import { checkErf } from './check-erf.ts'
import { checkLayers } from './check-layers.ts'
import { checkOps } from './check-ops.ts'

await answerOpener(async ({ backend }: { backend: BackendName }) => {
  const use = () => useBackend(backend, { wasmPaths: new URL('wasm/', document.baseURI).href })
  const reports = await checkOps(backend, use)
  const layers = await checkLayers(backend, use)
  return {
    reports,
    layers,
    erf: await checkErf(backend, use),
    info: await use(),
    isolated: crossOriginIsolated,
  }
})
