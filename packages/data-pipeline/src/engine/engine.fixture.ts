// What tests of the engine share: pictures with detail in known places, and a vision server that can misbehave.

import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { Random } from '@ps3js/tensor'
import sharp from 'sharp'
import type { Box } from './boxes.ts'

/** A smooth picture with a checkerboard of 6-pixel fields in every box. */
export async function writePicture(
  path: string,
  width: number,
  height: number,
  boxes: Box[],
  seed = 0,
): Promise<void> {
  const random = new Random(seed)
  const data = Buffer.alloc(width * height * 3)
  const tint = random.integer(60)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const isDetail = boxes.some(([x1, y1, x2, y2]) => x >= x1 && x < x2 && y >= y1 && y < y2)
      const grey = isDetail ? ((x / 6) ^ (y / 6)) & 1 && 255 : 80 + tint + Math.floor((40 * x) / width)
      data.fill(grey, (y * width + x) * 3, (y * width + x) * 3 + 3)
    }
  }
  await mkdir(dirname(path), { recursive: true })
  const picture = sharp(data, { raw: { width, height, channels: 3 } })
  await (path.endsWith('.png') ? picture.png() : picture.jpeg({ quality: 92 })).toFile(path)
}

/** `count` pictures of 320 x 240 with two patches each. */
export async function writePictures(root: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const [x, y] = [10 + 5 * (i % 7), 20 + 4 * (i % 5)]
    const boxes: Box[] = [
      [x, y, x + 60, y + 48],
      [200, 150, 270, 210],
    ]
    await writePicture(join(root, `p${String(i).padStart(3, '0')}.jpg`), 320, 240, boxes, i)
  }
}

export interface Asked {
  prompt: string
  pictures: number
  authorization: string | undefined
}

export type Reply = (response: ServerResponse, asked: Asked, request: IncomingMessage) => void | Promise<void>

/** A chat completion that repeats the prompt's first words and counts tokens. */
export function answer(response: ServerResponse, text: string, finish = 'stop'): void {
  const choices = [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: finish }]
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ choices, usage: { prompt_tokens: 100, completion_tokens: 10 } }))
}

/** Runs `work` with a server on 127.0.0.1 whose n-th request gets `reply(n)`; every socket has to be gone in the end. */
export async function withServer<T>(
  reply: (request: number) => Reply,
  work: (url: string, asked: Asked[]) => Promise<T>,
): Promise<T> {
  const asked: Asked[] = []
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const { messages } = JSON.parse(Buffer.concat(parts).toString()) as {
      messages: { content: { type: string; text?: string; image_url?: { url: string } }[] }[]
    }
    const { content } = messages[0]!
    const one: Asked = {
      prompt: content.find(({ type }) => type === 'text')!.text!,
      pictures: content.filter(({ image_url }) => image_url?.url.startsWith('data:image/jpeg;base64,'))
        .length,
      authorization: request.headers.authorization,
    }
    await reply(asked.push(one) - 1)(response, one, request)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, asked)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

/** Writes a file below a directory that may not be there yet. */
export async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content)
}
