// A directory of results appears whole or not at all.

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ResourceError } from '@ps3js/tensor'
import { describe, expect, it } from 'vitest'
import { inTempDir } from '../../../tools/in-temp-dir.ts'
import { filesBelow } from './cli.fixture.ts'
import { withStaging } from './staging.ts'

describe('withStaging', () => {
  it('moves files and folders in, and shows none of them before', async () => {
    await inTempDir(async (directory) => {
      const target = join(directory, 'a/b')
      const result = await withStaging(target, async (staging) => {
        await mkdir(join(staging, 'deep'))
        await writeFile(join(staging, 'deep/one'), '1')
        await writeFile(join(staging, 'two'), '2')
        await expect(readdir(target)).rejects.toThrow(/ENOENT/)
        return 'done'
      })
      expect(result).toBe('done')
      expect(await filesBelow(directory)).toEqual(['a/b/deep/one', 'a/b/two'])
    })
  })

  it('replaces files of the same name and keeps the others', async () => {
    await inTempDir(async (directory) => {
      await writeFile(join(directory, 'same'), 'old')
      await writeFile(join(directory, 'other'), 'kept')
      await withStaging(directory, (staging) => writeFile(join(staging, 'same'), 'new'))
      expect(await readFile(join(directory, 'same'), 'utf8')).toBe('new')
      expect(await filesBelow(directory)).toEqual(['other', 'same'])
    })
  })

  it('takes everything back when the work fails, even directories that it made', async () => {
    await inTempDir(async (directory) => {
      const work = async (staging: string) => {
        await writeFile(join(staging, 'half'), '')
        throw new Error('no more')
      }
      await expect(withStaging(join(directory, 'a/b/c'), work)).rejects.toThrow('no more')
      expect(await readdir(directory)).toEqual([])
    })
  })

  it('changes nothing when the last check before the move fails', async () => {
    await inTempDir(async (directory) => {
      const stop = () => Promise.reject(new Error('cancelled'))
      const fill = (staging: string) => writeFile(join(staging, 'file'), 'new')
      await expect(withStaging(join(directory, 'out'), fill, stop)).rejects.toThrow('cancelled')
      expect(await readdir(directory)).toEqual([])
    })
  })

  it('says what is in the way', async () => {
    await inTempDir(async (directory) => {
      await writeFile(join(directory, 'file'), '')
      const fill = async () => expect.unreachable('the place is checked first')
      for (const target of ['file', 'file/below']) {
        await expect(withStaging(join(directory, target), fill)).rejects.toThrow(ResourceError)
      }
      await mkdir(join(directory, 'out/report'), { recursive: true })
      const write = (staging: string) => writeFile(join(staging, 'report'), '')
      await expect(withStaging(join(directory, 'out'), write)).rejects.toThrow(/report: there is a directory/)
    })
  })
})
