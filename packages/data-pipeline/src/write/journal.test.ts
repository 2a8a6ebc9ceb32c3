// Journals: what was appended is there, what was half-written is not, and a full disk is one clear error.

import { appendFile, open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ResourceError } from '@ps3js/tensor'
import { describe, expect, it } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { Journal } from './journal.ts'
import { type Line, readLines } from './lines.ts'
import { writeLines } from './text-file.ts'

async function reopen(path: string): Promise<unknown[]> {
  const values: unknown[] = []
  const journal = await Journal.open(path, (value) => values.push(value))
  await journal.close()
  return values
}

/** Lets writes to any file fail while `work` runs. */
async function onFullDisk(directory: string, work: () => Promise<void>): Promise<void> {
  const probe = await open(join(directory, 'probe'), 'w')
  const prototype = Object.getPrototypeOf(probe) as { write: unknown; appendFile: unknown }
  const { write, appendFile: append } = prototype
  const full = () => Promise.reject(Object.assign(new Error('no space left'), { code: 'ENOSPC' }))
  try {
    prototype.write = full
    prototype.appendFile = full
    await work()
  } finally {
    prototype.write = write
    prototype.appendFile = append
    await probe.close()
  }
}

describe('Journal', () => {
  it('keeps lines in order, also when many are appended at once', async () => {
    await inTempDir(async (directory) => {
      const path = join(directory, 'j')
      const journal = await Journal.open(path, () => {})
      const values = Array.from({ length: 50 }, (_, i) => ({ i, text: 'ä\n"' }))
      await Promise.all(values.map((value) => journal.append(value)))
      await journal.close()
      expect(await reopen(path)).toEqual(values)
    })
  })

  it('cuts off a last line that is half-written, damaged, or has no end, and goes on behind it', async () => {
    await inTempDir(async (directory) => {
      for (const [i, tail] of ['{"b"', '{"b":2}', '{"b"\n', '\0\0\0', '\0\0\n'].entries()) {
        const path = join(directory, `j${i}`)
        await writeFile(path, `{"a":1}\n${tail}`)
        const journal = await Journal.open(path, () => {})
        await journal.append({ c: 3 })
        await journal.close()
        expect(await readFile(path, 'utf8')).toBe('{"a":1}\n{"c":3}\n')
      }
    })
  })

  it('refuses damage before the last line, and closes the file when a line is not wanted', async () => {
    await inTempDir(async (directory) => {
      const path = join(directory, 'j')
      await writeFile(path, '{"a":1}\nno\n{"b":2}\n')
      await expect(reopen(path)).rejects.toThrow(/j, line 2: no JSON, and not the last line/)
      await writeFile(path, '{"a":1}\n')
      const unwanted = () => {
        throw new ResourceError('unwanted')
      }
      await expect(Journal.open(path, unwanted)).rejects.toThrow('unwanted')
    })
  })

  it('takes nothing more after a full disk', async () => {
    await inTempDir(async (directory) => {
      const path = join(directory, 'j')
      const journal = await Journal.open(path, () => {})
      await journal.append(1)
      await onFullDisk(directory, async () => {
        await expect(journal.append(2)).rejects.toThrow(/cannot write .*j: the disk is full/)
      })
      await expect(journal.append(3)).rejects.toThrow(ResourceError)
      await journal.close()
      expect(await reopen(path)).toEqual([1])
    })
  })
})

describe('readLines', () => {
  it('gives places, leaves out empty lines, and says whether the last one is whole', async () => {
    await inTempDir(async (directory) => {
      const path = join(directory, 'lines')
      const long = 'é'.repeat(100_000)
      await writeFile(path, `a\n\n${long}\nlast`)
      const lines: Line[] = []
      for await (const line of readLines(path)) lines.push(line)
      expect(lines).toEqual([
        { text: 'a', number: 1, end: 2, isWhole: true },
        { text: long, number: 3, end: 3 + 200_001, isWhole: true },
        { text: 'last', number: 4, end: 3 + 200_001 + 4, isWhole: false },
      ])
    })
  })

  it('refuses what has no lines, without reading it all', async () => {
    await inTempDir(async (directory) => {
      const path = join(directory, 'zeros')
      const file = await open(path, 'w')
      await file.truncate(2 ** 33)
      await file.close()
      const read = async () => {
        for await (const _ of readLines(path)) expect.unreachable()
      }
      await expect(read()).rejects.toThrow(/line 1: more than 67108864 bytes/)
    })
  })
})

describe('writeLines', () => {
  async function* lines() {
    for (let i = 0; i < 10_000; i++) yield { i }
  }

  it('replaces a file as a whole, or leaves it as it was', async () => {
    await inTempDir(async (directory) => {
      const path = join(directory, 'file')
      await appendFile(path, 'old')
      async function* failing() {
        yield* lines()
        throw new Error('broken')
      }
      await expect(writeLines(path, failing())).rejects.toThrow('broken')
      await onFullDisk(directory, async () => {
        await expect(writeLines(path, lines())).rejects.toThrow(/file: the disk is full/)
      })
      expect(await readFile(path, 'utf8')).toBe('old')
      await writeLines(path, lines())
      expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(10_001)
    })
  })
})
