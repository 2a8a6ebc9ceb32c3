// A small HTTP server on this machine for one page: its script, folders of files, and the way back for its result.
import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { extname, join, normalize, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'

export interface PageOptions {
  /** Folders by the path under which the page sees them, such as `{ model: '/data/ps3' }` for `model/config.json`. */
  folders: Record<string, string>
  /** The page's module, as the page sees it: `app/verify.js`. */
  script: string
  /** What the page's script gets to work on; JSON. */
  params?: unknown
  /** What the page prints. */
  onConsole?: (level: string, text: string) => void
}

export interface PageServer {
  url: string
  /** What the page reported; rejects with the page's error. */
  result: Promise<unknown>
  close(): Promise<void>
}

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
}

/** Serves the page on 127.0.0.1, cross-origin isolated, under a path that only its opener knows. */
export async function servePage(options: PageOptions): Promise<PageServer> {
  const token = randomUUID()
  const server = createServer((request, response) => {
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin')
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp')
    response.setHeader('Cache-Control', 'no-store')
    answer(request, response).catch((error: NodeJS.ErrnoException) => {
      if (response.headersSent) return void response.destroy()
      response
        .writeHead(error.code === 'ENOENT' || error.code === 'EISDIR' ? 404 : 500)
        .end(String(error.message))
    })
  })
  let report: (value: unknown) => void = () => {}
  const result = new Promise<unknown>((resolve, reject) => {
    report = (message) => {
      const { value, error } = message as { value?: unknown; error?: string }
      if (error === undefined) resolve(value)
      else reject(new Error(`in the page: ${error}`))
    }
  })
  // A page that fails while nobody waits for it yet must not end the process.
  result.catch(() => {})

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname)
    const [, given, name = '', ...rest] = path.split('/')
    if (given !== token) return void response.writeHead(404).end()
    if (request.method === 'POST') {
      const message = JSON.parse(await bodyOf(request))
      if (name === 'console') options.onConsole?.(message.level, message.text)
      else report(message)
      return void response.writeHead(204).end()
    }
    if (name === '')
      return void response.writeHead(200, { 'Content-Type': TYPES['.html'] }).end(html(options.script))
    if (name === 'params.json') return void response.end(JSON.stringify(options.params ?? null))
    const folder = options.folders[name]
    if (folder === undefined) return void response.writeHead(404).end()
    await sendFile(request, response, folder, rest.join('/'))
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}/${token}/`,
    result,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  folder: string,
  name: string,
): Promise<void> {
  const path = normalize(join(folder, name))
  if (!path.startsWith(normalize(folder + sep))) return void response.writeHead(403).end()
  const { size } = await stat(path)
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
  const start = range ? Number(range[1]) : 0
  const end = range?.[2] ? Math.min(Number(range[2]), size - 1) : size - 1
  if (range && start >= size)
    return void response.writeHead(416, { 'Content-Range': `bytes */${size}` }).end()
  response.writeHead(range ? 206 : 200, {
    'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream',
    'Content-Length': end - start + 1,
    'Accept-Ranges': 'bytes',
    ...(range ? { 'Content-Range': `bytes ${start}-${end}/${size}` } : {}),
  })
  if (request.method === 'HEAD' || size === 0) return void response.end()
  // A page that stops reading early is no fault of the server's.
  await pipeline(createReadStream(path, { start, end }), response).catch(() => {})
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

/** The page: it forwards its console and its errors, and runs the script. */
function html(script: string): string {
  return `<!doctype html><meta charset="utf-8"><title>ps3</title><link rel="icon" href="data:,"><script>
const post = (path, body) => fetch(path, { method: 'POST', body: JSON.stringify(body), keepalive: false })
const fail = (error) => post('report', { error: String((error && error.stack) || error) })
for (const level of ['log', 'info', 'warn', 'error']) {
  const own = console[level].bind(console)
  console[level] = (...items) => { own(...items); post('console', { level, text: items.map(String).join(' ') }) }
}
addEventListener('error', (event) => fail(event.error || event.message || 'a script could not be loaded'), true)
addEventListener('unhandledrejection', (event) => fail(event.reason))
globalThis.ps3Page = { fail, report: (value) => post('report', { value }), params: () => fetch('params.json').then((r) => r.json()) }
</script><script type="module" src="${script}"></script>`
}
