// Bundles the page and serves it on this machine: node serve.mjs [PORT]
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { extname, join, normalize } from 'node:path'
import { bundlePage } from './bundle.mjs'

const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.wasm': 'application/wasm' }
const folder = await mkdtemp(join(tmpdir(), 'ps3-train-'))
await bundlePage(folder)

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost')
  // Normalized from the root, no path leads out of the folder.
  const file = join(folder, normalize(pathname === '/' ? '/index.html' : pathname))
  const known = await stat(file).catch(() => null)
  if (!known?.isFile()) return response.writeHead(404).end()
  response.writeHead(200, { 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream' })
  createReadStream(file).pipe(response)
})
server.once('error', async (error) => {
  process.stderr.write(`${error.message}; give another port: node serve.mjs 8081\n`)
  await rm(folder, { recursive: true, force: true })
  process.exit(1)
})
server.listen(Number(process.argv[2] ?? 8080), '127.0.0.1', () => {
  process.stdout.write(`http://localhost:${server.address().port}/\n`)
})
process.once('SIGINT', async () => {
  await rm(folder, { recursive: true, force: true })
  process.exit(0)
})
