// Bundles the page and serves it on this machine: node serve.mjs [PORT]
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundlePage, wasmFolder } from './bundle.mjs'

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' }
const app = await mkdtemp(join(tmpdir(), 'ps3-train-'))
await bundlePage(new URL('page.mjs', import.meta.url), app)
process.once('SIGINT', async () => {
  await rm(app, { recursive: true, force: true })
  process.exit(0)
})

const index = fileURLToPath(new URL('index.html', import.meta.url))
/** Files by name only: no address leads out of the two folders. */
function fileOf(path) {
  if (path === '/') return index
  const [, folder] = path.split('/')
  const root = { app, wasm: wasmFolder }[folder]
  return root && join(root, basename(path))
}

const server = createServer(async (request, response) => {
  const file = fileOf(new URL(request.url, 'http://localhost').pathname)
  const known = file && (await stat(file).catch(() => null))
  if (!known?.isFile()) return response.writeHead(404).end()
  response.writeHead(200, { 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream' })
  createReadStream(file).pipe(response)
})
server.listen(Number(process.argv[2] ?? 8080), '127.0.0.1', () => {
  process.stdout.write(`http://localhost:${server.address().port}/\n`)
})
