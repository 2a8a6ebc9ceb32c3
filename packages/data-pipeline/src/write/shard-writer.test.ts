// Shards are read back by another reader; interruptions lose and double nothing; mistakes leave nothing that counts.

import { createHash } from 'node:crypto'
import { appendFile, mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ImageError, InvalidArgumentError, ResourceError } from '@ps3js/tensor'
import { describe, expect, it } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { readShardIndex } from './shard-index.ts'
import { ShardWriter, type ShardWriterOptions } from './shard-writer.ts'
import { contents, readTar, sample, samples } from './shards.fixture.ts'

const options = { maxSamples: 3, origin: 'test' } satisfies ShardWriterOptions

async function write(directory: string, count: number, more: ShardWriterOptions = {}) {
  await using writer = await ShardWriter.open(directory, { ...options, ...more })
  for (const one of samples(count)) if (!writer.has(one.key)) await writer.add(one)
  return writer.finish()
}

describe('ShardWriter', () => {
  it('writes pairs with the same keys, and an index with sizes and checksums', async () => {
    await inTempDir(async (directory) => {
      const index = await write(directory, 7)
      expect(index).toEqual(await readShardIndex(directory))
      expect(index).toMatchObject({ version: 1, layout: 'paired', samples: 7, origin: 'test' })
      expect(index.shards.map((shard) => shard.samples)).toEqual([3, 3, 1])
      const names = index.shards.flatMap(({ files }) => files.map(({ name }) => name))
      expect((await readdir(directory)).sort()).toEqual([...names, 'index.json'].sort())
      for (const { name, bytes, sha256 } of index.shards.flatMap(({ files }) => files)) {
        const data = await readFile(join(directory, name))
        expect(data.length).toBe(bytes)
        expect(createHash('sha256').update(data).digest('hex')).toBe(sha256)
      }
      const pictures = await readTar(join(directory, 'images-000001.tar'))
      const records = await readTar(join(directory, 'records-000001.tar'))
      expect(pictures.map(({ name }) => name)).toEqual([3, 4, 5].map((i) => `sample-${i}.jpg`))
      expect(records.map(({ name }) => name)).toEqual([3, 4, 5].map((i) => `sample-${i}.json`))
      for (const [i, { data }] of records.entries()) {
        expect(JSON.parse(data.toString())).toEqual(sample(3 + i).record)
        expect(pictures[i]!.data.equals(sample(3 + i).picture)).toBe(true)
      }
    })
  })

  it('writes the same bytes at any time: no clock, user or group in them', async () => {
    await inTempDir(async (directory) => {
      await write(join(directory, 'a'), 4)
      await write(join(directory, 'b'), 4)
      expect(await contents(join(directory, 'a'))).toEqual(await contents(join(directory, 'b')))
      const [entry] = await readTar(join(directory, 'a/images-000000.tar'))
      const field = (from: number, to: number) =>
        Number.parseInt(entry!.header.toString('latin1', from, to), 8)
      expect({
        mode: field(100, 107),
        uid: field(108, 115),
        gid: field(116, 123),
        mtime: field(136, 147),
      }).toEqual({
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: 0,
      })
    })
  })

  it('puts both files of a sample into one tar when asked', async () => {
    await inTempDir(async (directory) => {
      await write(directory, 2, { layout: 'single' })
      const names = (await readTar(join(directory, 'samples-000000.tar'))).map(({ name }) => name)
      expect(names).toEqual(['sample-0.jpg', 'sample-0.json', 'sample-1.jpg', 'sample-1.json'])
    })
  })

  it('keeps to the size limit, and gives a larger sample its own shard', async () => {
    await inTempDir(async (directory) => {
      const maxBytes = 10_240
      await using writer = await ShardWriter.open(directory, { maxBytes })
      const sizes = [3000, 3000, 20_000, 1000, 1000, 1000]
      for (const [i, size] of sizes.entries()) await writer.add(sample(i, size))
      const { shards } = await writer.finish()
      const bytes = shards.map(({ files }) => files.reduce((sum, file) => sum + file.bytes, 0))
      expect(shards.map((shard) => shard.samples)).toEqual([1, 1, 1, 3])
      expect(bytes.filter((total) => total > maxBytes)).toHaveLength(1)
    })
  })

  it('goes on behind the last complete shard, whatever a kill left', async () => {
    await inTempDir(async (directory) => {
      const whole = join(directory, 'whole')
      await write(whole, 8)
      const expected = await contents(whole)
      // A process that ends leaves the journal, complete shards and unfinished files as they are.
      const leftovers: ((at: string) => Promise<void>)[] = [
        (at) => writeFile(join(at, 'images-000001.tar.tmp'), 'half'),
        (at) => writeFile(join(at, 'images-000001.tar'), 'renamed before its pair'),
        (at) => appendFile(join(at, 'index.journal'), '{"samples":3,"files":[{"na'),
        (at) => appendFile(join(at, 'index.journal'), '\0\0\0\0'),
        (at) => writeFile(join(at, '.index.json.0a1b2c3d.tmp'), '{'),
      ]
      for (const [i, leave] of leftovers.entries()) {
        const at = join(directory, `interrupted-${i}`)
        const writer = await ShardWriter.open(at, options)
        for (const one of samples(5)) await writer.add(one)
        await writer.close()
        await leave(at)
        const again = await ShardWriter.open(at, options)
        expect(again.samples).toBe(3)
        expect(samples(5).map(({ key }) => again.has(key))).toEqual([true, true, true, false, false])
        await again.close()
        await write(at, 8)
        expect(await contents(at)).toEqual(expected)
      }
    })
  })

  it('opens a finished dataset as finished, also when only its journal outlived a kill', async () => {
    await inTempDir(async (directory) => {
      const index = await write(directory, 4)
      await writeFile(join(directory, 'index.journal'), 'old')
      await using writer = await ShardWriter.open(directory, options)
      expect(writer.finished).toEqual(index)
      expect(writer.samples).toBe(4)
      expect(await writer.finish()).toEqual(index)
      await expect(writer.add(sample(9))).rejects.toThrow(/finished/)
      expect(await readdir(directory)).not.toContain('index.journal')
    })
  })

  it('reports complete shards', async () => {
    await inTempDir(async (directory) => {
      const seen: number[] = []
      await write(directory, 7, { onProgress: (progress) => seen.push(progress.samples) })
      expect(seen).toEqual([3, 6, 7])
    })
  })

  it('is the only one of its directory until it is finished, closed or broken', async () => {
    await inTempDir(async (directory) => {
      const writer = await ShardWriter.open(directory, options)
      const second = ShardWriter.open(directory, options)
      await expect(second).rejects.toThrow(`${directory} is being written by process ${process.pid}`)
      await writer.add(sample(0))
      await writer.close()
      await expect(ShardWriter.open(directory, { ...options, origin: 'other' })).rejects.toThrow(/begun/)
      const index = await write(directory, 4)
      await using again = await ShardWriter.open(directory, options)
      expect(again.finished).toEqual(index)
    })
  })

  it('stops at an abort and leaves complete shards alone', async () => {
    await inTempDir(async (directory) => {
      const controller = new AbortController()
      const writer = await ShardWriter.open(directory, { ...options, signal: controller.signal })
      for (const one of samples(4)) await writer.add(one)
      controller.abort()
      await expect(writer.add(sample(4))).rejects.toThrow(/abort/i)
      await expect(writer.finish()).rejects.toThrow(/abort/i)
      await writer.close()
      expect((await readdir(directory)).sort()).toEqual([
        'images-000000.tar',
        'index.journal',
        'records-000000.tar',
      ])
    })
  })
})

describe('ShardWriter with bad input', () => {
  const { picture, record } = sample(1)
  const cases: [
    what: string,
    sample: Parameters<ShardWriter['add']>[0],
    kind: new (m: string) => Error,
    RegExp,
  ][] = [
    ['a key with a dot', { key: 'a.b', picture, record }, InvalidArgumentError, /"a\.b"/],
    ['a key with a slash', { key: 'a/b', picture, record }, InvalidArgumentError, /"a\/b"/],
    ['a key that leaves', { key: '..', picture, record }, InvalidArgumentError, /"\.\."/],
    ['an empty key', { key: '', picture, record }, InvalidArgumentError, /""/],
    ['a long key', { key: 'x'.repeat(91), picture, record }, InvalidArgumentError, /1 to 90/],
    ['a key with a null', { key: 'a\0b', picture, record }, InvalidArgumentError, /a\\u0000b/],
    ['a repeated key', sample(0), InvalidArgumentError, /"sample-0" comes twice/],
    ['an empty picture', { key: 'k', picture: new Uint8Array(0), record }, ImageError, /"k".*empty/],
    [
      'a picture that is text',
      { key: 'k', picture: Buffer.from('<html>'), record },
      ImageError,
      /"k".*3c68746d/,
    ],
    [
      'captions without boxes',
      { key: 'k', picture, record: { text: ['a'] } },
      InvalidArgumentError,
      /1 captions.*0 boxes/,
    ],
    ['nothing to say', { key: 'k', picture, record: {} }, InvalidArgumentError, /neither/],
    [
      'an empty caption',
      { key: 'k', picture, record: { text: [' '], box: [[0, 0, 1, 1]] } },
      InvalidArgumentError,
      /caption 0/,
    ],
    ...[
      [0, 0, 0, 1],
      [2, 0, 1, 1],
      [0, Number.NaN, 1, 1],
      [0, 0, 1],
      [-1, 0, 1, 1],
      [0, 0, Infinity, 1],
    ].map((box): (typeof cases)[number] => [
      `the box ${box}`,
      { key: 'k', picture, record: { text: ['a'], box: [box] } },
      InvalidArgumentError,
      /box 0 is \[.*x1 < x2/,
    ]),
  ]
  it.each(cases)('refuses %s and goes on', async (_, bad, kind, message) => {
    await inTempDir(async (directory) => {
      await using writer = await ShardWriter.open(directory, options)
      await writer.add(sample(0))
      const failed = await writer.add(bad).catch((error: unknown) => error)
      expect(failed).toBeInstanceOf(kind)
      expect((failed as Error).message).toMatch(message)
      await writer.add(sample(2))
      const { samples: written } = await writer.finish()
      expect(written).toBe(2)
      expect(await readTar(join(directory, 'images-000000.tar'))).toHaveLength(2)
    })
  })

  it('refuses other settings, strange shards, a lost shard, a damaged journal and a damaged index', async () => {
    await inTempDir(async (directory) => {
      const writer = await ShardWriter.open(directory, options)
      for (const one of samples(4)) await writer.add(one)
      await writer.close()
      await expect(ShardWriter.open(directory, { ...options, origin: 'b' })).rejects.toThrow(
        /origin "test".*"b"/,
      )
      await expect(ShardWriter.open(directory, { ...options, maxSamples: 4 })).rejects.toThrow(
        /maxSamples 3.*4/,
      )
      await rm(join(directory, 'records-000000.tar'))
      await expect(ShardWriter.open(directory, options)).rejects.toThrow(/records-000000\.tar was complete/)
      await appendFile(join(directory, 'index.journal'), 'no json\n{}\n')
      await expect(ShardWriter.open(directory, options)).rejects.toThrow(/index\.journal, line 3: no JSON/)
      await rm(join(directory, 'index.journal'))
      await expect(ShardWriter.open(directory, options)).rejects.toThrow(
        /images-000000\.tar but no index\.journal/,
      )
      await writeFile(join(directory, 'index.json'), '{"version":2}')
      await expect(ShardWriter.open(directory, options)).rejects.toThrow(/index\.json is no index.*2.*1/)
    })
  })

  it('refuses limits that are none, and a place that cannot be written to', async () => {
    await inTempDir(async (directory) => {
      await expect(ShardWriter.open(directory, { maxSamples: 0 })).rejects.toThrow(/maxSamples 0/)
      await expect(ShardWriter.open(directory, { maxBytes: 1.5 })).rejects.toThrow(/maxBytes 1\.5/)
      await writeFile(join(directory, 'file'), '')
      await expect(ShardWriter.open(join(directory, 'file/x'))).rejects.toThrow(ResourceError)
      await mkdir(join(directory, 'out/images-000000.tar.tmp'), { recursive: true })
      await expect(ShardWriter.open(join(directory, 'out'))).rejects.toThrow(/images-000000\.tar\.tmp/)
    })
  })

  it('refuses calls that overlap, since samples have an order', async () => {
    await inTempDir(async (directory) => {
      await using writer = await ShardWriter.open(directory, options)
      const first = writer.add(sample(0))
      await expect(writer.add(sample(1))).rejects.toThrow(/wait/)
      await first
      expect((await writer.finish()).samples).toBe(1)
    })
  })

  it('a full disk: one clear error, no file that counts, and a restart goes on', async () => {
    await inTempDir(async (directory) => {
      const writer = await ShardWriter.open(directory, options)
      for (const one of samples(3)) await writer.add(one)
      const full = Object.assign(new Error('no space left'), { code: 'ENOSPC' })
      const probe = await open(join(directory, 'probe'), 'w')
      const prototype = Object.getPrototypeOf(probe) as { write: unknown }
      const { write: original } = prototype
      try {
        prototype.write = () => Promise.reject(full)
        await expect(
          (async () => {
            for (const one of samples(6).slice(3)) await writer.add(one)
          })(),
        ).rejects.toThrow(/images-000001\.tar: the disk is full/)
        await expect(writer.add(sample(7))).rejects.toThrow(ResourceError)
        await expect(writer.finish()).rejects.toThrow(/the disk is full/)
      } finally {
        prototype.write = original
        await probe.close()
        await rm(join(directory, 'probe'))
      }
      expect((await readdir(directory)).sort()).toEqual([
        'images-000000.tar',
        'index.journal',
        'records-000000.tar',
      ])
      await write(directory, 6)
      await inTempDir(async (undisturbed) => {
        await write(undisturbed, 6)
        expect(await contents(directory)).toEqual(await contents(undisturbed))
      })
    })
  })
})
