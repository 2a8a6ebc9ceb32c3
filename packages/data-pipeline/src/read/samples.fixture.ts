// What tests of reading samples share: samples that tell whose they are, and reading them from a tar.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import type { SkippedSample } from '../types.ts'
import { openShards, rawSamples, type ShardSource } from './index.ts'
import { collect, type Entry, record } from './tars.fixture.ts'

export const PNG = 'a picture that nobody decodes here'
/** A sample in a tar of both kinds. */
export const whole = (key: string): Entry[] => [
  [`${key}.png`, `${PNG} ${key}`],
  [`${key}.json`, JSON.stringify(record(0, { global_text: key }))],
]

/** The keys that are read, and why which were skipped. */
export async function read(source: ShardSource, maxSkipped = 100) {
  const skipped: string[] = []
  const onSkip = ({ key, reason }: SkippedSample) => skipped.push(`${key}: ${reason}`)
  const samples = await collect(rawSamples(source, { onSkip, maxSkipped }))
  // Whatever is skipped, a picture never meets another sample's record.
  for (const { key, picture, record: found } of samples) {
    const name = key.split('/').pop()
    expect(Buffer.from(picture).toString()).toBe(`${PNG} ${name}`)
    expect(found.global_text).toBe(name)
  }
  return { keys: samples.map(({ key }) => key), skipped }
}

export async function readTar(tar: Uint8Array) {
  return inTempDir(async (directory) => {
    const path = join(directory, 'x.tar')
    await writeFile(path, tar)
    return read(openShards(path))
  })
}
