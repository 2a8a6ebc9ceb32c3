// What tests of reading share: tars made in memory, small pictures, and directories to put them into.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { type Header, pack } from 'tar-stream'
import type { SampleRecord } from '../types.ts'

export type Entry = [name: string, content: string | Uint8Array, header?: Partial<Header>]

export function makeTar(entries: readonly Entry[]): Promise<Buffer> {
  const tar = pack()
  for (const [name, content, header] of entries) {
    const isLink = header?.type !== undefined && header.type !== 'file'
    const bytes = Buffer.from(content as Uint8Array)
    if (isLink) tar.entry({ name, ...header })
    else tar.entry({ name, size: bytes.length, ...header }, bytes)
  }
  tar.finalize()
  return readAll(tar)
}

async function readAll(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** A PNG of one colour with a gradient, so that pictures differ. */
export const picture = (seed: number, width = 64, height = 48): Promise<Buffer> => {
  const data = Buffer.alloc(width * height * 3)
  for (let i = 0; i < data.length; i++) data[i] = (seed * 37 + i * 5) & 255
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer()
}

export const record = (i: number, more: Partial<SampleRecord> = {}): SampleRecord => ({
  text: [`Left ${i}. It is red. It is small.`, `Right ${i}. It is blue.`],
  box: [
    [2, 3, 20, 30],
    [30.5, 10, 60, 40.25],
  ],
  global_text: `All of ${i}. Two things.`,
  type: 'natural',
  ...more,
})

/** Writes `shards` tars of `each` samples with keys `s0`, `s1`, ...: single, or pictures and records apart. */
export async function writeShards(
  directory: string,
  { shards, each, paired = false }: { shards: number; each: number; paired?: boolean },
): Promise<{ single: string; pictures: string; records: string }> {
  for (let shard = 0; shard < shards; shard++) {
    const pictures: Entry[] = []
    const records: Entry[] = []
    for (let i = shard * each; i < (shard + 1) * each; i++) {
      pictures.push([`s${i}.png`, await picture(i)])
      records.push([`s${i}.json`, JSON.stringify(record(i))])
    }
    if (paired) {
      await writeFile(join(directory, `p${shard}.tar`), await makeTar(pictures))
      await writeFile(join(directory, `r${shard}.tar`), await makeTar(records))
    } else {
      const both = pictures.flatMap((entry, i) => [entry, records[i]!])
      await writeFile(join(directory, `s${shard}.tar`), await makeTar(both))
    }
  }
  const pattern = (letter: string) => join(directory, `${letter}{0..${shards - 1}}.tar`)
  return { single: pattern('s'), pictures: pattern('p'), records: pattern('r') }
}

export async function collect<T>(items: AsyncIterable<T>, most = Number.POSITIVE_INFINITY): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) {
    all.push(item)
    if (all.length >= most) break
  }
  return all
}
