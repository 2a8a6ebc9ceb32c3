// Reading tars, hostile and damaged ones too.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { openShards } from './index.ts'
import { PNG, read, readTar, whole } from './samples.fixture.ts'
import { tarEntries } from './tar-entries.ts'
import { collect, type Entry, makeTar, record } from './tars.fixture.ts'

const JSON_TEXT = JSON.stringify(record(0))

/** A tar whose first header says that so many bytes follow it. */
function withSize(tar: Buffer, size: number): Buffer {
  const changed = Buffer.from(tar)
  changed.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'latin1')
  let sum = 8 * 32
  for (let i = 0; i < 512; i++) sum += i >= 148 && i < 156 ? 0 : changed[i]!
  changed.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return changed
}

describe('tars', () => {
  it.each<[string, Entry[], string[]]>([
    [
      'a name with ..',
      [
        ['../x.png', PNG],
        ['../x.json', JSON_TEXT],
      ],
      ['../x: ../x.png: its name leads out'],
    ],
    [
      'an absolute name',
      [
        ['/etc/x.png', PNG],
        ['/etc/x.json', JSON_TEXT],
      ],
      ['/etc/x: /etc/x.png: its name is an abs'],
    ],
    [
      'a symbolic link',
      [
        ['x.png', '', { type: 'symlink', linkname: '/etc/passwd' }],
        ['x.json', JSON_TEXT],
      ],
      ['x: x.png: it is no plain file'],
    ],
    [
      'a hard link',
      [
        ['x.png', PNG],
        ['x.json', '', { type: 'link', linkname: 'y.json' }],
      ],
      ['x: x.json: it is no plain file'],
    ],
    [
      'a device',
      [
        ['x.png', '', { type: 'character-device' }],
        ['x.json', JSON_TEXT],
      ],
      ['x: x.png: it is no plain file'],
    ],
    [
      'two pictures',
      [
        ['x.png', PNG],
        ['x.jpg', PNG],
        ['x.json', JSON_TEXT],
      ],
      ['x: two files that can be its picture'],
    ],
    ['no picture', [['x.json', JSON_TEXT]], ['x: it has no picture']],
    [
      'no record',
      [
        ['x.png', PNG],
        ['x.txt', 'text'],
      ],
      ['x: it has no record'],
    ],
    [
      'parts that lie apart',
      [['x.png', PNG], ...whole('w'), ['x.json', JSON_TEXT]],
      ['x: it has no record', 'x: it has no picture'],
    ],
  ])('with %s: a counted skip', async (_, entries, reasons) => {
    const { keys, skipped } = await readTar(await makeTar([...whole('a'), ...entries, ...whole('z')]))
    expect(keys.filter((key) => key !== 'w')).toEqual(['a', 'z'])
    expect(skipped.map((text, i) => text.slice(0, reasons[i]?.length))).toEqual(reasons)
  })

  it('may hold folders, long names, other files, and be joined end to end', async () => {
    const long = `${'folder/'.repeat(40)}${'n'.repeat(90)}`
    const entries: Entry[] = [
      ['folder/', '', { type: 'directory' }],
      ['README', 'no sample'],
      ['folder/._a.png', 'left by macOS'],
      [`./${whole('a')[0]![0]}`, whole('a')[0]![1]],
      ['a.cls', '7'],
      [`./${whole('a')[1]![0]}`, whole('a')[1]![1]],
      ...whole(long.split('/').pop()!).map(([name, data]): Entry => [`${'folder/'.repeat(40)}${name}`, data]),
    ]
    const joined = Buffer.concat([await makeTar(entries), await makeTar(whole('z'))])
    expect(await readTar(joined)).toEqual({ keys: ['a', long, 'z'], skipped: [] })
  })

  it('cut off anywhere are an error, also between two samples', async () => {
    const tar = await makeTar([...whole('a'), ...whole('b')])
    for (const length of [100, 512, 700, 1024, 2048, 4096, tar.length - 1024, tar.length - 512]) {
      await expect(readTar(tar.subarray(0, length)), `${length} bytes`).rejects.toThrow(
        /x\.tar is damaged or cut off/,
      )
    }
    await expect(readTar(Buffer.alloc(0))).rejects.toThrow(/damaged or cut off/)
  })

  it('with nonsense or gigabyte headers are an error that holds little memory', async () => {
    await expect(readTar(Buffer.alloc(4096, 'no tar '))).rejects.toThrow(/damaged or cut off/)
    const huge = await makeTar([['x.png', PNG, { pax: { comment: 'a' } }]])
    // The pax header says that a gigabyte of it follows.
    await expect(readTar(withSize(huge, 2 ** 30))).rejects.toThrow(/Header exceeds max size/)
    // So does a header of GNU's for a long name.
    const long = Buffer.from(huge)
    long.write('L', 156, 'latin1')
    await expect(readTar(withSize(long, 2 ** 30))).rejects.toThrow(/Header exceeds max size/)
  })

  it('with a file larger than any picture pass over it, and break off where it does', async () => {
    const head = await makeTar([['big.png', PNG]])
    const megabyte = Buffer.alloc(2 ** 20)
    async function* bytes(megabytes: number) {
      yield withSize(head.subarray(0, 512), 513 * 2 ** 20)
      for (let i = 0; i < megabytes; i++) yield megabyte
      yield await makeTar(whole('z'))
    }
    const names = async (megabytes: number) =>
      (await collect(tarEntries(bytes(megabytes), 'x.tar', () => true))).map(({ name, problem }) => [
        name,
        problem,
      ])
    const before = process.memoryUsage().rss
    expect(await names(513)).toEqual([
      ['big.png', 'it is 513 MiB large, more than 512 MiB'],
      ['z.png', undefined],
      ['z.json', undefined],
    ])
    expect(process.memoryUsage().rss - before).toBeLessThan(120e6)
    await expect(names(3)).rejects.toThrow(/x\.tar is damaged or cut off/)
  })

  it('of very many tiny files are read in constant memory', async () => {
    // One header, repeated: 200,000 files of one key, then as many samples that lack a record.
    const [same, other] = [await makeTar([['k.0', 'x']]), await makeTar([['k.png', 'x']])].map((tar) =>
      tar.subarray(0, 1024),
    )
    const block = Buffer.concat(Array(1000).fill(same))
    async function* bytes() {
      for (let i = 0; i < 200; i++) yield block
      yield other!
      yield Buffer.alloc(1024)
    }
    await inTempDir(async (directory) => {
      const path = join(directory, 'x.tar')
      await writeFile(path, bytes())
      const before = process.memoryUsage().rss
      const { keys, skipped } = await read(openShards(path))
      expect([keys, skipped]).toEqual([[], ['k: it has no record (.json)']])
      // The file is 205 MB.
      expect(process.memoryUsage().rss - before).toBeLessThan(120e6)
    })
  })

  it('too many skips are an error', async () => {
    await inTempDir(async (directory) => {
      const path = join(directory, 'x.tar')
      await writeFile(
        path,
        await makeTar([
          ['a.png', ''],
          ['b.png', ''],
          ['c.png', ''],
        ]),
      )
      await expect(read(openShards(path), 2)).rejects.toThrow(
        /3 samples were unusable, more than maxSkipped 2/,
      )
    })
  })
})
