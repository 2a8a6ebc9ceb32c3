// `ps3 data inspect`, `ps3 data verify` and `ps3 bench data` on small shards.

import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ShardWriter } from '@ps3js/data-pipeline'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { ps3 } from '../cli.fixture.ts'

async function writeDataset(directory: string, layout: 'paired' | 'single' = 'paired'): Promise<void> {
  const writer = await ShardWriter.open(directory, { layout, maxSamples: 2 })
  for (let i = 0; i < 4; i++) {
    const picture = await sharp({
      create: { width: 80, height: 60, channels: 3, background: { r: 50 * i, g: 9, b: 9 } },
    })
      .jpeg()
      .toBuffer()
    const record = { text: [`Region <b>${i}</b>.`], box: [[5, 5, 40, 30]], global_text: 'All of it.' }
    await writer.add({ key: `s${i}`, picture, record })
  }
  await writer.finish()
}

const run = async (...args: string[]) => {
  const before = process.exitCode
  process.exitCode = 0
  const result = await ps3(args)
  process.exitCode = before
  return result
}

describe('ps3 data', () => {
  it('inspect writes one page and prints the numbers', async () => {
    await inTempDir(async (directory) => {
      const data = join(directory, 'data')
      await writeDataset(data)
      const out = join(directory, 'sheet.html')
      const { status, stdout } = await run('data', 'inspect', data, '--out', out)
      expect(status).toBe(0)
      expect(stdout).toMatch(/^4 samples in 2 shards, 0 skipped\n/)
      expect(stdout).toMatch(/words of a caption +2 +2 +2 +2\n/)
      const page = await readFile(out, 'utf8')
      expect(page.match(/<figure>/g)).toHaveLength(4)
      expect(page).toContain('Region &#60;b&#62;3&#60;/b&#62;.')
      expect((await readdir(directory)).sort()).toEqual(['data', 'sheet.html'])
      const json = await run(
        'data',
        'inspect',
        join(data, 'images-00000{0..1}.tar'),
        '--records',
        join(data, 'records-00000{0..1}.tar'),
        '--out',
        out,
        '--limit',
        '3',
        '--json',
      )
      expect(JSON.parse(json.stdout)).toMatchObject({ samples: 3, shards: 2, skippedCount: 0 })
      const nowhere = await run('data', 'inspect', data, '--out', join(directory, 'no/sheet.html'))
      expect([nowhere.status, nowhere.stderr]).toEqual([
        1,
        expect.stringMatching(/cannot write .*sheet\.html/),
      ])
    })
  })

  it('verify ends with 0 for what is whole, and with 1 and a list for what is not', async () => {
    await inTempDir(async (directory) => {
      await writeDataset(directory)
      const good = await run('data', 'verify', directory, '--decode')
      expect(good).toMatchObject({
        status: 0,
        stdout: '4 samples in 2 shards, 4 files with the right checksum: nothing wrong\n',
      })
      const path = join(directory, 'images-000001.tar')
      const bytes = await readFile(path)
      bytes[700]! ^= 1
      await writeFile(path, bytes)
      const bad = await run('data', 'verify', directory)
      expect(bad.status).toBe(1)
      expect(bad.stdout).toMatch(
        /^images-000001\.tar: its SHA-256 is [^\n]*\n(.*\n)?4 samples .*: \d problems?\n$/,
      )
      const json = await run('data', 'verify', directory, '--json')
      expect([json.status, JSON.parse(json.stdout).problems[0].shard]).toEqual([1, 'images-000001.tar'])
      const missing = await run('data', 'verify', join(directory, 'x{0..1}.tar'))
      expect(missing.stdout).toMatch(/there is no such file/)
      expect(missing.status).toBe(1)
    })
  })
})

describe('ps3 bench data', () => {
  it('counts pictures a second for each number of workers, alone and in turn with a peer', async () => {
    await inTempDir(async (directory) => {
      await writeDataset(directory, 'single')
      const shards = join(directory, 'samples-000000.tar')
      const args = ['bench', 'data', shards, '--size', '56', '--limit', '5', '--workers', '1,2']
      const { stdout } = await run(...args, '--json')
      expect(JSON.parse(stdout).runs).toMatchObject([
        { workers: 1, pictures: 5, size: 56 },
        { workers: 2, pictures: 5, size: 56 },
      ])
      expect((await run(...args)).stdout).toMatch(/2 workers +\d+\.\d\d/)
      const ours = `echo '${JSON.stringify({ runs: [{ workers: 1, picturesPerSecond: 6 }] })}' #`
      const peer = ['--repeat', '2', '--workers', '1', '--peer', `echo '{"pictures_per_s": 1.5}'`, '--json']
      const result = await ps3([...args, ...peer], new AbortController().signal, ['sh', '-c', ours])
      expect(JSON.parse(result.stdout)).toMatchObject({ peer: [1.5, 1.5], ratio: { 1: 4 } })
      const silent = await ps3(
        [...args, '--repeat', '1', '--peer', 'echo done'],
        new AbortController().signal,
        ['sh', '-c', ours],
      )
      expect([silent.status, silent.stderr]).toEqual([
        1,
        expect.stringMatching(/no line of JSON with pictures_per_s/),
      ])
    })
  })
})
