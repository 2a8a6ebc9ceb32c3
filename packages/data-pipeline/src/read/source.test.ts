// Reading shards: pairs by key, hostile and damaged tars, web addresses. Never a wrong pair.

import { writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { InvalidArgumentError, ResourceError } from '@ps3js/tensor'
import { describe, expect, it } from 'vitest'
import type { SkippedSample } from '../types.ts'
import { inTempDir } from '../write/shards.fixture.ts'
import { openPairedShards, openShards, rawSamples, type ShardSource } from './index.ts'
import { expandBraces } from './locations.ts'
import { tarEntries } from './tar-entries.ts'
import { collect, type Entry, makeTar, record } from './tars.fixture.ts'

const JSON_TEXT = JSON.stringify(record(0))
const PNG = 'a picture that nobody decodes here'
/** A sample in a tar of both kinds. */
const whole = (key: string): Entry[] => [
  [`${key}.png`, `${PNG} ${key}`],
  [`${key}.json`, JSON.stringify(record(0, { global_text: key }))],
]

async function read(source: ShardSource, maxSkipped = 100) {
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

async function readTar(tar: Uint8Array) {
  return inTempDir(async (directory) => {
    const path = join(directory, 'x.tar')
    await writeFile(path, tar)
    return read(openShards(path))
  })
}

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

describe('addresses', () => {
  async function withServer(answer: RequestListener, work: (base: string) => Promise<void>) {
    const server = createServer(answer).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    try {
      await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  }

  it('of files are read', async () => {
    await inTempDir(async (directory) => {
      await writeFile(join(directory, 'a b.tar'), await makeTar(whole('a')))
      expect((await read(openShards(pathToFileURL(join(directory, 'a b.tar')).href))).keys).toEqual(['a'])
    })
  })

  it('with signatures are asked as they are, and errors leave these out', async () => {
    const tar = await makeTar(whole('a'))
    const asked: string[] = []
    await withServer(
      (request, response) => {
        asked.push(request.url!)
        response.writeHead(request.url!.startsWith('/0') ? 200 : 403).end(tar)
      },
      async (base) => {
        const source = openShards(`${base}/{0..1}.tar?sig=a%2Fb&x=secret`)
        const failure = read(source)
        await expect(failure).rejects.toThrow(
          /1\.tar: the server answers 403 \(has its signature run out\?\)/,
        )
        await expect(failure).rejects.not.toThrow(/secret/)
        expect(asked).toEqual(['/0.tar?sig=a%2Fb&x=secret', '/1.tar?sig=a%2Fb&x=secret'])
        expect(source.names.join()).not.toContain('secret')
      },
    )
  })

  it('are tried again after 429, 500 and lost connections, and nothing is given twice', async () => {
    const tar = await makeTar(['a', 'b', 'c', 'd'].flatMap(whole))
    let calls = 0
    await withServer(
      (_, response) => {
        calls++
        if (calls === 1) response.writeHead(429).end()
        else if (calls === 2) response.writeHead(500).end('<html>')
        else if (calls === 3) {
          response.writeHead(200, { 'content-length': tar.length })
          response.write(tar.subarray(0, 5000), () => response.destroy())
        } else response.writeHead(200).end(tar)
      },
      async (base) => {
        const { keys } = await read(openShards(`${base}/0.tar`, { retryDelays: [1, 1, 1] }))
        expect([keys, calls]).toEqual([['a', 'b', 'c', 'd'], 4])
        calls = 0
        await expect(read(openShards(`${base}/0.tar`, { retryDelays: [1] }))).rejects.toThrow(
          /server answers 500/,
        )
      },
    )
  })

  it('that hang end with the signal, and at once when the reader leaves', async () => {
    const tar = await makeTar(['a', 'b'].flatMap(whole))
    let closed = 0
    await withServer(
      (_, response) => {
        response.on('close', () => closed++)
        response.writeHead(200)
        response.write(tar.subarray(0, 3000))
      },
      async (base) => {
        const signal = AbortSignal.timeout(300)
        await expect(collect(rawSamples(openShards(`${base}/0.tar`), { signal }))).rejects.toThrow(/timeout/i)
        await expect.poll(() => closed).toBe(1)
        expect((await collect(rawSamples(openShards(`${base}/0.tar`)), 1)).map(({ key }) => key)).toEqual([
          'a',
        ])
        await expect.poll(() => closed).toBe(2)
      },
    )
  })
})
