// What tests of writing share: samples, what a directory holds, and a tar reader that is not the writer's.

import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RawSample } from '../types.ts'

/** Sample number `i`: a JPEG signature and `size` bytes, one region. */
export function sample(i: number, size = 700 + 13 * i): RawSample {
  const picture = Buffer.alloc(size, i)
  picture.write('\xff\xd8\xff', 'latin1')
  const record = {
    text: [`caption ${i}, “ä”`],
    box: [[i, 2, i + 3.5, 4]],
    global_text: 'all',
    type: 'natural',
  }
  return { key: `sample-${i}`, picture, record }
}

export const samples = (count: number) => Array.from({ length: count }, (_, i) => sample(i))

/** Name and SHA-256 of every file below, sorted: equal when the bytes are. */
export async function contents(directory: string): Promise<Record<string, string>> {
  const names = (await readdir(directory)).sort()
  const hashed = names.map(async (name) => {
    const bytes = await readFile(join(directory, name))
    return [name, createHash('sha256').update(bytes).digest('hex')] as const
  })
  return Object.fromEntries(await Promise.all(hashed))
}

export interface PlainEntry {
  name: string
  data: Buffer
  header: Buffer
}

/** Reads a tar by the offsets that POSIX gives (ustar, plain files only). */
export async function readTar(path: string): Promise<PlainEntry[]> {
  const bytes = await readFile(path)
  const entries: PlainEntry[] = []
  let at = 0
  while (at < bytes.length && bytes[at] !== 0) {
    const header = bytes.subarray(at, at + 512)
    const name = header.toString('utf8', 0, header.indexOf(0))
    const size = Number.parseInt(header.toString('latin1', 124, 135), 8)
    entries.push({ name, header, data: bytes.subarray(at + 512, at + 512 + size) })
    at += 512 + Math.ceil(size / 512) * 512
  }
  if (bytes.length !== at + 1024 || bytes.subarray(at).some((byte) => byte !== 0)) {
    throw new Error(`${path}: ${bytes.length - at} bytes behind the last entry instead of 1024 zeros`)
  }
  return entries
}
