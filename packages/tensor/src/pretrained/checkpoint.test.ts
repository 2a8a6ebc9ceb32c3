import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { serveBytes, startServer } from '../../test/http-server.ts'
import { CheckpointError, ResourceError } from '../errors.ts'
import { bytesSource } from '../safetensors/byte-source.ts'
import { openSafetensors } from '../safetensors/reader.ts'
import { openCheckpoint } from './checkpoint.ts'
import { resolvePretrained } from './resolve.ts'

const fixtures = fileURLToPath(new URL('../../fixtures/safetensors/', import.meta.url))
const indexName = 'model.safetensors.index.json'
let root: string
let directory: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'ps3-checkpoint-'))
})
afterAll(() => rm(root, { recursive: true }))
beforeEach(async () => {
  directory = await mkdtemp(join(root, 'case-'))
  await cp(join(fixtures, 'sharded'), directory, { recursive: true })
})

async function editIndex(edit: (map: Record<string, unknown>) => void): Promise<void> {
  const index = JSON.parse(await readFile(join(directory, indexName), 'utf8'))
  edit(index.weight_map)
  await writeFile(join(directory, indexName), JSON.stringify(index))
}

describe('openCheckpoint', () => {
  it('shows the shards of an index as one', async () => {
    const order = JSON.parse(await readFile(join(directory, 'state-dict-order.json'), 'utf8'))
    for (const from of [directory, join(directory, indexName), await resolvePretrained(directory)]) {
      const checkpoint = await openCheckpoint(from)
      expect(checkpoint.names().sort()).toEqual([...order].sort())
      expect(checkpoint.metadata).toEqual({ format: 'pt' })
      expect(checkpoint.info('big.weight')).toEqual({ dtype: 'F32', shape: [40, 8], byteLength: 1280 })
      const shard = await openSafetensors(await readFile(join(directory, 'model-00003-of-00003.safetensors')))
      expect(await checkpoint.readFloat32('last.weight')).toEqual(await shard.readFloat32('last.weight'))
      expect(checkpoint.has('nothing')).toBe(false)
      expect(() => checkpoint.info('nothing')).toThrow(CheckpointError)
      await expect(checkpoint.readFloat32('nothing')).rejects.toThrow(/holds no tensor "nothing" among its 7/)
      await checkpoint.close()
    }
  })

  it('opens a single file by path, folder, bytes and URL', async () => {
    const file = join(fixtures, 'torch.safetensors')
    await cp(file, join(directory, 'model.safetensors'))
    const bytes = await readFile(file)
    const server = await startServer((request, response) => {
      if (request.url!.endsWith('/torch.safetensors?key=1')) serveBytes(request, response, bytes)
      else response.writeHead(404).end()
    })
    try {
      const url = `${server.origin}/x/torch.safetensors?key=1`
      for (const from of [file, directory, bytesSource(bytes), url]) {
        const checkpoint = await openCheckpoint(from, { cacheDir: false })
        expect(checkpoint.names()).toHaveLength(18)
        await checkpoint.close()
      }
    } finally {
      await server.close()
    }
  })

  it('names the tensors that the shards do not hold', async () => {
    await editIndex((map) => {
      map['ghost.weight'] = 'model-00001-of-00003.safetensors'
      map['last.bias'] = 'model-00001-of-00003.safetensors'
    })
    const error = await openCheckpoint(directory).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(CheckpointError)
    expect((error as Error).message).toMatch(
      /names 2 of 8 tensors that its shards do not hold: "last.bias" \(model-00001-of-00003.safetensors\), "ghost.weight"/,
    )
  })

  it('names the missing shard', async () => {
    await rm(join(directory, 'model-00002-of-00003.safetensors'))
    await expect(openCheckpoint(directory)).rejects.toThrow(
      /names the shard model-00002-of-00003.safetensors, which is missing/,
    )
    await expect(openCheckpoint(directory)).rejects.toBeInstanceOf(CheckpointError)
  })

  it.each<[string, (map: Record<string, unknown>) => void, RegExp]>([
    [
      'a path out of the folder',
      (map) => {
        map.a = '../secret.safetensors'
      },
      /"a" is mapped to "..\/secret.safetensors", which is no file name/,
    ],
    [
      'an absolute path',
      (map) => {
        map.a = '/etc/passwd'
      },
      /which is no file name/,
    ],
    [
      'a number',
      (map) => {
        map.a = 3
      },
      /"a" must be mapped to a file name/,
    ],
  ])('refuses an index with %s', async (_, edit, message) => {
    await editIndex(edit)
    await expect(openCheckpoint(directory)).rejects.toBeInstanceOf(CheckpointError)
    await expect(openCheckpoint(directory)).rejects.toThrow(message)
  })

  it.each([
    ['no JSON', 'hello', /is not a valid index/],
    ['a list', '[]', /has no weight_map/],
    ['no weight_map', '{"metadata":{}}', /has no weight_map/],
    ['a tensor twice', '{"weight_map":{"a":"b","a":"c"}}', /"a" comes twice/],
  ])('refuses an index that is %s', async (_, text, message) => {
    await writeFile(join(directory, indexName), text)
    await expect(openCheckpoint(directory)).rejects.toBeInstanceOf(CheckpointError)
    await expect(openCheckpoint(directory)).rejects.toThrow(message)
  })

  it('says what to do with pickle files, and with nothing', async () => {
    for (const name of await readdir(directory)) await rm(join(directory, name))
    await expect(openCheckpoint(directory)).rejects.toThrow(/holds neither model.safetensors nor/)
    await writeFile(join(directory, 'pytorch_model.bin'), '')
    await expect(openCheckpoint(directory)).rejects.toThrow(/pickle file.*convert it to safetensors/)
    await expect(openCheckpoint(directory)).rejects.toBeInstanceOf(ResourceError)
  })
})
