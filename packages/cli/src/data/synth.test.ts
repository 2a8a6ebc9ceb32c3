// `ps3 data synth`: what it writes, prints, and says to mistakes.

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readShardIndex } from '@ps3js/data-pipeline'
import { describe, expect, it } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { ps3 } from '../cli.fixture.ts'

const synth = (out: string, ...more: string[]) =>
  ps3(['data', 'synth', '--out', out, '--count', '3', '--workers', '0', ...more])

describe('ps3 data synth', () => {
  it('writes shards, and finds them finished the second time', async () => {
    await inTempDir(async (directory) => {
      const out = join(directory, 'shapes')
      const first = await synth(out, '--kind', 'shapes', '--size', '96x96', '--json')
      expect(first.stderr).toBe('')
      expect(JSON.parse(first.stdout)).toMatchObject({ pictures: 3, shards: 1, drawn: 3 })
      expect((await readdir(out)).toSorted()).toEqual([
        'images-000000.tar',
        'index.json',
        'records-000000.tar',
      ])
      expect((await readShardIndex(out))!.origin).toContain('"seed":0')
      const second = await synth(out, '--kind', 'shapes', '--size', '96x96')
      expect(second.stdout).toMatch(/3 pictures in 1 shard\(s\), .*; 0 drawn/)
    })
  })

  it('draws held-out scenes and documents', async () => {
    await inTempDir(async (directory) => {
      for (const kind of ['scenes', 'documents']) {
        const { status, stdout } = await synth(
          join(directory, kind),
          '--kind',
          kind,
          '--size',
          '640x512',
          '--split',
          'heldout',
        )
        expect(status).toBe(0)
        expect(stdout).toContain('3 pictures')
      }
    })
  })

  it('adds questions, which inspect shows', async () => {
    await inTempDir(async (directory) => {
      const out = join(directory, 'marks')
      await synth(out, '--kind', 'marks', '--size', '512x512', '--questions', '4')
      const page = join(directory, 'page.html')
      const { stdout } = await ps3(['data', 'inspect', out, '--out', page])
      expect(stdout).toMatch(/questions about a picture +4 +4 +4 +4\n/)
      expect((await readFile(page, 'utf8')).match(/4 questions/g)).toHaveLength(3)
    })
  })

  it('stops at Ctrl-C without leaving a half-written shard', async () => {
    await inTempDir(async (directory) => {
      const out = join(directory, 'cut')
      const controller = new AbortController()
      const args = ['data', 'synth', '--kind', 'scenes', '--count', '500', '--size', '512x512', '--out', out]
      const running = ps3([...args, '--workers', '0'], controller.signal)
      setTimeout(() => controller.abort(), 300)
      expect(await running).toMatchObject({
        status: 130,
        stderr: 'ps3: cancelled; nothing was left half-written\n',
      })
      expect((await readdir(out)).filter((name) => name.endsWith('.tar') || name.endsWith('.tmp'))).toEqual(
        [],
      )
    })
  })

  it.each([
    [['--kind', 'scenes', '--size', '4k'], /--size 4k: give width x height/],
    [['--kind', 'scenes', '--size', '100x100'], /512 to 8192/],
    [['--kind', 'photos'], /scenes, documents, shapes, marks/],
    [['--kind', 'shapes', '--size', '96x64'], /square/],
    [['--kind', 'shapes', '--split', 'test'], /train, heldout/],
  ])('%j is a mistake', async (args, message) => {
    await inTempDir(async (directory) => {
      const { status, stderr } = await synth(join(directory, 'out'), ...args)
      expect(status).not.toBe(0)
      expect(stderr).toMatch(message)
    })
  })
})
