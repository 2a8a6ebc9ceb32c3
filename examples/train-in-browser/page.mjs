// The page: `?backend=wasm`, `?backend=webgpu`; without it the fastest there is.
import { trainInPage } from './app.mjs'

const elements = Object.fromEntries(
  ['status', 'curve', 'maps'].map((id) => [id, document.getElementById(id)]),
)
const backend = new URLSearchParams(location.search).get('backend') ?? 'auto'
trainInPage(elements, { backend, wasmPaths: new URL('wasm/', document.baseURI).href }).catch((error) => {
  elements.status.textContent = error.message
})
