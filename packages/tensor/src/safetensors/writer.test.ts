import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { InvalidArgumentError } from '../errors.ts'
import { compareNames } from './dtypes.ts'
import type { TensorToWrite } from './layout.ts'
import { openSafetensors } from './reader.ts'
import { serializeSafetensors, writeSafetensors } from './writer.ts'

const fixtures = new URL('../../fixtures/safetensors/', import.meta.url)
let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ps3-writer-'))
})
afterAll(() => rm(directory, { recursive: true }))

async function contents(bytes: Uint8Array): Promise<[string, TensorToWrite][]> {
  const file = await openSafetensors(bytes)
  const tensors: [string, TensorToWrite][] = []
  for (const name of file.names()) {
    const { dtype, shape } = file.info(name)
    tensors.push([name, { dtype, shape, data: await file.read(name) }])
  }
  return tensors
}

const tiny: TensorToWrite = { dtype: 'F32', shape: [2], data: Float32Array.of(1, 2) }

describe('serializeSafetensors', () => {
  it.each([
    ['torch.safetensors', { format: 'pt' }],
    ['numpy.safetensors', undefined],
    ['empty.safetensors', undefined],
    ['rounding.safetensors', undefined],
    ['sharded/model-00002-of-00003.safetensors', { format: 'pt' }],
  ])("gives the Python library's bytes of %s, whatever the order it is given", async (name, metadata) => {
    const expected = await readFile(new URL(name, fixtures))
    const tensors = await contents(expected)
    for (const order of [tensors, [...tensors].reverse()]) {
      expect(Buffer.from(serializeSafetensors(order, metadata)).equals(expected)).toBe(true)
    }
  })

  it('rounds Float32Arrays given for F16 and BF16, and converts whole files, as PyTorch does', async () => {
    const file = await openSafetensors(await readFile(new URL('rounding.safetensors', fixtures)))
    const all = (await file.readFloat32('float32')).filter((value) => !Number.isNaN(value))
    const data = all.filter((value) => Math.abs(value) < 65_520 || !Number.isFinite(value))
    // PyTorch makes infinities of these: here nobody loses a weight without a word.
    const beyond = { x: { dtype: 'F16', shape: [all.length], data: all } } as const
    expect(() => serializeSafetensors(beyond)).toThrow(/tensor "x" holds -?\d+, which float16 cannot/)
    const shape = [data.length]
    for (const dtype of ['F16', 'BF16'] as const) {
      const direct = serializeSafetensors({ x: { dtype, shape, data } })
      const converted = serializeSafetensors({ x: { dtype: 'F32', shape, data } }, undefined, { dtype })
      expect(Buffer.from(converted).equals(direct)).toBe(true)
      const widened = serializeSafetensors(await contents(direct), undefined, { dtype: 'F32' })
      const back = serializeSafetensors(await contents(widened), undefined, { dtype })
      expect(Buffer.from(back).equals(direct)).toBe(true)
    }
  })

  it('leaves integers alone when converting', async () => {
    const bytes = serializeSafetensors(
      {
        i: { dtype: 'I64', shape: [1], data: BigInt64Array.of(5n) },
        d: { dtype: 'F64', shape: [3], data: Float64Array.of(1.1, -2, 1e300) },
      },
      undefined,
      { dtype: 'F32' },
    )
    const file = await openSafetensors(bytes)
    expect(file.info('i').dtype).toBe('I64')
    expect(await file.readTyped('d')).toEqual(Float32Array.of(1.1, -2, Number.POSITIVE_INFINITY))
  })

  it('sorts names by code point', () => {
    const names = ['a', 'B', '\uffee', '😀', 'é', 'ab', '']
    const byBytes = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    expect([...names].sort(compareNames)).toEqual(byBytes)
  })

  it.each<[string, () => unknown, RegExp]>([
    ['a reserved name', () => serializeSafetensors({ __metadata__: tiny }), /is reserved/],
    ['a name that is no Unicode', () => serializeSafetensors({ '\ud800': tiny }), /not valid Unicode/],
    [
      'a name twice',
      () =>
        serializeSafetensors([
          ['a', tiny],
          ['a', tiny],
        ]),
      /Two tensors are named "a"/,
    ],
    [
      'too little data',
      () => serializeSafetensors({ a: { ...tiny, shape: [3] } }),
      /3 elements of F32 take 12 bytes, but its data has 8/,
    ],
    [
      'a negative shape',
      () => serializeSafetensors({ a: { ...tiny, shape: [-2] } }),
      /impossible shape \[-2\]/,
    ],
    [
      'a huge shape',
      () => serializeSafetensors({ a: { ...tiny, shape: [2 ** 40, 2 ** 40] } }),
      /impossible shape/,
    ],
    [
      'metadata that is no string',
      () => serializeSafetensors({}, { a: 1 as unknown as string }),
      /metadata "a" must be a string/,
    ],
    [
      'data on demand',
      () => serializeSafetensors({ a: { ...tiny, data: () => new Uint8Array(8) } }),
      /use writeSafetensors/,
    ],
  ])('refuses %s', (_, run, message) => {
    expect(run).toThrow(InvalidArgumentError)
    expect(run).toThrow(message)
  })
})

describe('writeSafetensors', () => {
  it('streams the same bytes, fetching each tensor in its turn', async () => {
    const expected = await readFile(new URL('torch.safetensors', fixtures))
    const path = join(directory, 'copy.safetensors')
    const fetched: string[] = []
    const tensors = (await contents(expected)).map(([name, tensor]): [string, TensorToWrite] => [
      name,
      {
        ...tensor,
        data: async () => {
          fetched.push(name)
          return tensor.data as Uint8Array
        },
      },
    ])
    const seen: number[] = []
    await writeSafetensors(path, tensors, {
      metadata: { format: 'pt' },
      onProgress: ({ loaded, total }) => {
        expect(total).toBe(expected.length)
        seen.push(loaded)
      },
    })
    expect((await readFile(path)).equals(expected)).toBe(true)
    expect(fetched).toHaveLength(18)
    expect(seen.at(-1)).toBe(expected.length)
  })

  it('leaves the old file and no rest when it fails or is cancelled', async () => {
    const path = join(directory, 'kept.safetensors')
    await writeSafetensors(path, { old: tiny })
    const before = await readFile(path)
    const entries = await readdir(directory)
    const failing = { ...tiny, data: () => Promise.reject(new Error('no weights')) }
    await expect(writeSafetensors(path, { a: tiny, b: failing })).rejects.toThrow('no weights')
    const controller = new AbortController()
    const cancelling: TensorToWrite = {
      ...tiny,
      data: () => {
        controller.abort(new Error('stop'))
        return Float32Array.of(1, 2)
      },
    }
    await expect(
      writeSafetensors(path, { a: cancelling, b: tiny }, { signal: controller.signal }),
    ).rejects.toThrow('stop')
    expect(await readFile(path)).toEqual(before)
    expect(await readdir(directory)).toEqual(entries)
  })
})
