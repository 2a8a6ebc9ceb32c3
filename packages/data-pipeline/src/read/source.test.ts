// Reading shards: their names, pairs by key, records. Never a wrong pair.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InvalidArgumentError, ResourceError } from '@ps3js/tensor'
import { describe, expect, it } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { openPairedShards, openShards } from './index.ts'
import { expandBraces } from './locations.ts'
import { PNG, read, readTar, whole } from './samples.fixture.ts'
import { type Entry, makeTar } from './tars.fixture.ts'

async function readPair(pictures: readonly Entry[], records: readonly Entry[]) {
  return inTempDir(async (directory) => {
    await writeFile(join(directory, 'p.tar'), await makeTar(pictures))
    await writeFile(join(directory, 'r.tar'), await makeTar(records))
    return read(openPairedShards({ pictures: join(directory, 'p.tar'), records: join(directory, 'r.tar') }))
  })
}

describe('names of shards', () => {
  it.each([
    ['a.tar', ['a.tar']],
    ['{000008..000010}.tar', ['000008.tar', '000009.tar', '000010.tar']],
    ['{a,b}/{0..1}.tar', ['a/0.tar', 'a/1.tar', 'b/0.tar', 'b/1.tar']],
    ['https://h/{1..2}.tar?sig={x}', ['https://h/1.tar?sig={x}', 'https://h/2.tar?sig={x}']],
  ])('%s', (pattern, names) => {
    expect(expandBraces(pattern)).toEqual(names)
  })

  it.each(['{5..1}.tar', '{0..99999999}.tar', '{0..9999}{0..9999}.tar'])('refuses %s', (pattern) => {
    expect(() => expandBraces(pattern)).toThrow(InvalidArgumentError)
  })
})

describe('pairs', () => {
  it('are made by key, with folders ignored', async () => {
    const { keys, skipped } = await readPair(
      [
        ['images/a.png', `${PNG} a`],
        ['images/b.jpg', `${PNG} b`],
      ],
      [
        ['records/a.json', whole('a')[1]![1]],
        ['b.json', whole('b')[1]![1]],
      ],
    )
    expect(keys).toEqual(['images/a', 'images/b'])
    expect(skipped).toEqual([])
  })

  it('that mismatch are an error naming both keys and shards', async () => {
    const [a, b, c] = ['a', 'b', 'c'].map(whole) as [Entry[], Entry[], Entry[]]
    const shifted = readPair([a[0]!, b[0]!, c[0]!], [a[1]!, c[1]!])
    await expect(shifted).rejects.toThrow(ResourceError)
    await expect(shifted).rejects.toThrow(/sample 1 of .*p\.tar is key "b", of .*r\.tar key "c"/)
    await expect(readPair([a[0]!, b[0]!], [a[1]!])).rejects.toThrow(/is key "b", of .*r\.tar nothing more/)
    await expect(readPair([a[0]!], [a[1]!, b[1]!])).rejects.toThrow(/is nothing more, of .*r\.tar key "b"/)
  })

  it('stay aligned where one side is unusable', async () => {
    const [a, b, c] = ['a', 'b', 'c'].map(whole) as [Entry[], Entry[], Entry[]]
    const { keys, skipped } = await readPair(
      [a[0]!, ['b.png', '', { type: 'symlink', linkname: 'a.png' }], c[0]!],
      [['a.json', '{"text": ['], b[1]!, c[1]!],
    )
    expect(keys).toEqual(['c'])
    expect(skipped).toEqual([
      expect.stringMatching(/^a: its record is not JSON/),
      'b: b.png: it is no plain file but a symlink',
    ])
  })

  it('need as many shards on both sides', () => {
    expect(() => openPairedShards({ pictures: 'p{0..3}.tar', records: 'r{0..2}.tar' })).toThrow(
      /4 shards of pictures and 3 of records/,
    )
    expect(() => openShards([])).toThrow(/no shards/)
  })
})

describe('records', () => {
  it.each<[string, string | object, RegExp]>([
    ['no JSON', '{"text": ', /not JSON/],
    ["Python's NaN", '{"text":["a"],"box":[[NaN,1,2,3]]}', /not JSON/],
    ['bytes that are no UTF-8', '\xff\xfe{}', /not JSON/],
    ['a list', '[]', /no object/],
    ['no known key', { txt: 'a' }, /neither text and box nor global_text/],
    ['captions without boxes', { text: ['a'] }, /1 captions \(text\) for 0 boxes/],
    ['boxes without captions', { box: [[0, 0, 1, 1]] }, /0 captions \(text\) for 1 boxes/],
    ['unequal numbers', { text: ['a', 'b'], box: [[0, 0, 1, 1]] }, /2 captions \(text\) for 1 boxes/],
    ['a caption that is no text', { text: [3], box: [[0, 0, 1, 1]] }, /must be a list of captions/],
    [
      'an empty caption',
      {
        text: ['a', ' '],
        box: [
          [0, 0, 1, 1],
          [0, 0, 1, 1],
        ],
      },
      /caption 1 \(text\) is empty/,
    ],
    ['an empty global caption', { global_text: '' }, /global_text is empty/],
    ['empty lists', { text: [], box: [] }, /no caption at all/],
    ['a box with null', { text: ['a'], box: [[0, null, 1, 1]] }, /box 0 is \[0,null,1,1\], not four numbers/],
    ['a box of three', { text: ['a'], box: [[0, 0, 1]] }, /not four numbers/],
    ['a box of texts', { text: ['a'], box: [['0', '0', '1', '1']] }, /not four numbers/],
    ['an infinite box', '{"text":["a"],"box":[[0,0,1e999,1]]}', /not four numbers/],
    ['an inverted box', { text: ['a'], box: [[5, 0, 1, 1]] }, /box 0 \[5,0,1,1\] ends before it starts/],
    ['a box without area', { text: ['a'], box: [[5, 0, 5, 1]] }, /box 0 \[5,0,5,1\] has no area/],
    ['a type that is no text', { global_text: 'a', type: 3 }, /type must be a text/],
  ])('with %s are counted skips', async (_, content, reason) => {
    const bytes = typeof content === 'string' ? Buffer.from(content, 'latin1') : JSON.stringify(content)
    const { keys, skipped } = await readTar(await makeTar([['x.png', PNG], ['x.json', bytes], ...whole('y')]))
    expect(keys).toEqual(['y'])
    expect(skipped).toEqual([expect.stringMatching(reason)])
  })
})
