// A local web server for tests: answers by a function, keeps a log, and knows how to serve ranges and to misbehave.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Answer = (request: IncomingMessage, response: ServerResponse, count: number) => void

export interface TestServer {
  /** http://127.0.0.1:port */
  readonly origin: string
  /** "GET /path bytes=0-3" for every request, in order. */
  readonly log: string[]
  answer: Answer
  close(): Promise<void>
}

/** Starts a server; `answer` may be replaced while it runs. `count` is how often the same path was asked before. */
export async function startServer(answer: Answer): Promise<TestServer> {
  const counts = new Map<string, number>()
  const log: string[] = []
  const server = createServer((request, response) => {
    const path = request.url!.split('?')[0]!
    log.push([request.method, path, request.headers.range].filter(Boolean).join(' '))
    const count = counts.get(path) ?? 0
    counts.set(path, count + 1)
    handle.answer(request, response, count)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const handle: TestServer = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    log,
    answer,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return handle
}

/** Serves bytes as a good server does, with Range and an ETag; `breakAfter` cuts the connection after so many body bytes. */
export function serveBytes(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array,
  {
    etag = '"v1"',
    breakAfter,
    headers = {},
  }: { etag?: string; breakAfter?: number; headers?: Record<string, string> } = {},
): void {
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
  let body = bytes
  const all: Record<string, string> = { etag, 'accept-ranges': 'bytes' }
  let status = 200
  if (range) {
    const start = Number(range[1])
    const end = Math.min(range[2] ? Number(range[2]) + 1 : bytes.length, bytes.length)
    if (start >= bytes.length) {
      response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end()
      return
    }
    status = 206
    body = bytes.subarray(start, end)
    all['content-range'] = `bytes ${start}-${end - 1}/${bytes.length}`
  }
  response.writeHead(status, { 'content-length': String(body.length), ...all, ...headers })
  if (request.method === 'HEAD') response.end()
  else if (breakAfter === undefined || breakAfter >= body.length) response.end(body)
  // Time to read what came: an error of the connection discards what the reader has not taken yet.
  else response.write(body.subarray(0, breakAfter), () => setTimeout(() => response.destroy(), 200))
}
