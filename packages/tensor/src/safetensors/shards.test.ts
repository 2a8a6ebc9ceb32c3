import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { InvalidArgumentError } from '../errors.ts'
import type { TensorToWrite } from './layout.ts'
import { openSafetensors } from './reader.ts'
import { planShards, shardIndexText, writeSharded } from './shards.ts'

// Written by transformers' save_pretrained with max_shard_size=400.
const reference = fileURLToPath(new URL('../../fixtures/safetensors/sharded/', import.meta.url))
let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ps3-shards-'))
})
afterAll(() => rm(directory, { recursive: true }))

async function stateDict(): Promise<[string, TensorToWrite][]> {
  const order: string[] = JSON.parse(await readFile(join(reference, 'state-dict-order.json'), 'utf8'))
  const tensors = new Map<string, TensorToWrite>()
  for (const name of (await readdir(reference)).filter((file) => file.endsWith('.safetensors'))) {
    const file = await openSafetensors(await readFile(join(reference, name)))
    for (const tensor of file.names())
      tensors.set(tensor, { ...file.info(tensor), data: await file.read(tensor) })
  }
  return order.map((name) => [name, tensors.get(name)!])
}

describe('planShards', () => {
  it.each([
    // The example in huggingface_hub's documentation, then its rule for tensors that are too large.
    [[6, 6, 2, 6, 2, 2], 10, [['0'], ['1', '2'], ['3', '4', '5']]],
    [[4, 12, 4], 10, [['1'], ['0', '2']]],
    [[10, 10], 10, [['0'], ['1']]],
    [[], 10, [[]]],
  ])('splits %j at %d as Hugging Face does', (sizes, limit, expected) => {
    expect(
      planShards(
        sizes.map((bytes, i) => [String(i), bytes] as const),
        limit,
      ),
    ).toEqual(expected)
  })

  it('refuses a limit of nothing', () => {
    expect(() => planShards([], 0)).toThrow(InvalidArgumentError)
  })
})

describe('writeSharded', () => {
  it("writes save_pretrained's files, byte for byte", async () => {
    const out = join(directory, 'same')
    const { files, index } = await writeSharded(out, await stateDict(), { maxShardBytes: 400 })
    expect([...files, index].sort()).toEqual((await readdir(out)).sort())
    for (const name of await readdir(out)) {
      expect(await readFile(join(out, name)), name).toEqual(await readFile(join(reference, name)))
    }
    expect(files).toHaveLength(3)
  })

  it('counts shard sizes in the stored type, and clears the shards of an earlier split', async () => {
    const out = join(directory, 'resplit')
    await writeSharded(out, await stateDict(), { maxShardBytes: 400 })
    const { files, totalBytes } = await writeSharded(out, await stateDict(), {
      maxShardBytes: 964,
      dtype: 'BF16',
    })
    expect(files).toEqual(['model.safetensors'])
    expect(totalBytes).toBe(964)
    expect(await readdir(out)).toEqual(['model.safetensors'])
    await writeSharded(out, await stateDict(), { maxShardBytes: 963, dtype: 'BF16' })
    expect(await readdir(out)).toEqual([
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
      'model.safetensors.index.json',
    ])
  })

  it('shows nothing when a later shard fails', async () => {
    const out = join(directory, 'failing')
    const tensors = await stateDict()
    tensors.at(-1)![1].data = () => Promise.reject(new Error('no weights'))
    await expect(writeSharded(out, tensors, { maxShardBytes: 400 })).rejects.toThrow('no weights')
    expect(await readdir(out)).toEqual([])
  })

  it('escapes names in the index as Python does', () => {
    const text = shardIndexText(
      new Map([
        ['é\u007f', 'b'],
        ['a', 'b'],
      ]),
      5,
    )
    expect(text).toBe(
      '{\n  "metadata": {\n    "total_size": 5\n  },\n  "weight_map": {\n    "a": "b",\n    "\\u00e9\\u007f": "b"\n  }\n}\n',
    )
  })
})
