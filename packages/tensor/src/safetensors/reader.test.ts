import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { fileSource } from '#platform'
import { CheckpointError, InvalidArgumentError, ResourceError } from '../errors.ts'
import { blobSource, bytesSource } from './byte-source.ts'
import { openSafetensors } from './reader.ts'
import { serializeSafetensors } from './writer.ts'

const path = fileURLToPath(new URL('../../fixtures/safetensors/torch.safetensors', import.meta.url))
const bytes = await readFile(path)

// What make.py wrote: -6..5 thirds, rounded by PyTorch to the stored type.
const ramp = Float64Array.from({ length: 12 }, (_, i) => (i - 6) / 3)

describe.each([
  ['a file', () => fileSource(path)],
  ['a Blob', () => blobSource(new Blob([bytes]), 'blob')],
  [
    'an ArrayBuffer',
    () => bytesSource(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)),
  ],
])('openSafetensors on %s', (_, make) => {
  it('lists what the Python library wrote', async () => {
    const file = await openSafetensors(make())
    expect(file.metadata).toEqual({ format: 'pt' })
    expect(file.names()).toHaveLength(18)
    expect(file.info('weights.f16')).toEqual({ dtype: 'F16', shape: [2, 6], byteLength: 24 })
    expect(file.info('scalar')).toEqual({ dtype: 'F32', shape: [], byteLength: 4 })
    expect(file.info('empty')).toEqual({ dtype: 'F32', shape: [0, 3], byteLength: 0 })
    expect(file.has('😀')).toBe(true)
    expect(file.has('nothing')).toBe(false)
    await file.close()
  })

  it('reads every type', async () => {
    const file = await openSafetensors(make())
    expect(await file.readTyped('ids.i64')).toEqual(
      BigInt64Array.from([-2, -1, 0, 1, 2], (i) => BigInt(i * 2 ** 40)),
    )
    expect(await file.readTyped('ids.i32')).toEqual(Int32Array.from([-2, -1, 0, 1, 2], (i) => i * 2 ** 20))
    expect(await file.readTyped('ids.i16')).toEqual(Int16Array.from([-2, -1, 0, 1, 2], (i) => i * 1000))
    expect(await file.readTyped('ids.i8')).toEqual(Int8Array.from([-2, -1, 0, 1, 2], (i) => i * 60))
    expect(await file.readTyped('bytes.u8')).toEqual(Uint8Array.of(0, 1, 254, 255, 7))
    expect(await file.readTyped('mask.bool')).toEqual(Uint8Array.of(1, 0, 1))
    expect(await file.readTyped('weights.f64')).toEqual(ramp)
    expect(await file.readFloat32('weights.f32')).toEqual(Float32Array.from(ramp))
    expect(await file.readFloat32('weights.f64')).toEqual(Float32Array.from(ramp))
    expect(await file.readFloat32('ids.i64')).toEqual(
      Float32Array.from([-2, -1, 0, 1, 2], (i) => i * 2 ** 40),
    )
    expect(await file.readFloat32('mask.bool')).toEqual(Float32Array.of(1, 0, 1))
    const half = await file.readFloat32('weights.f16')
    const brain = await file.readFloat32('weights.bf16')
    for (let i = 0; i < 12; i++) {
      // Half a unit in the last place: 2^-11 of the value for float16, 2^-8 for bfloat16.
      expect(Math.abs(half[i]! - ramp[i]!)).toBeLessThanOrEqual(Math.abs(ramp[i]!) * 2 ** -11)
      expect(Math.abs(brain[i]! - ramp[i]!)).toBeLessThanOrEqual(Math.abs(ramp[i]!) * 2 ** -8)
    }
    expect(await file.readFloat32('empty')).toEqual(new Float32Array(0))
    await file.close()
  })

  it('fills an array that the caller supplies', async () => {
    const file = await openSafetensors(make())
    for (const name of ['weights.f32', 'weights.bf16']) {
      const backing = new Float32Array(40)
      const target = await file.readFloat32(name, { allocate: (length) => backing.subarray(16, 16 + length) })
      expect(target.buffer).toBe(backing.buffer)
      expect(backing.subarray(16, 28)).toEqual(await file.readFloat32(name))
      expect(backing[15]).toBe(0)
      expect(backing[28]).toBe(0)
    }
    await file.close()
  })

  it('stops when cancelled', async () => {
    const file = await openSafetensors(make())
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(file.readFloat32('weights.f32', { signal })).rejects.toThrow('enough')
    await expect(file.read('ids.i64', signal)).rejects.toThrow('enough')
    await file.close()
  })
})

describe('SafetensorsFile', () => {
  it('names the missing tensor, and refuses arrays of a wrong length', async () => {
    const file = await openSafetensors(bytes)
    await expect(file.read('nothing')).rejects.toThrow(/holds no tensor "nothing" among its 18/)
    await expect(file.readFloat32('nothing')).rejects.toBeInstanceOf(CheckpointError)
    const allocate = () => new Float32Array(5)
    await expect(file.readFloat32('weights.f32', { allocate })).rejects.toThrow(
      /allocate gave 5 elements .* needs 12/,
    )
    await expect(file.readFloat32('weights.f32', { allocate })).rejects.toBeInstanceOf(InvalidArgumentError)
  })

  it('decodes halves across the border between two pieces', async () => {
    const length = 2 ** 21 + 3
    const data = new Uint16Array(length).map((_, i) => i & 0x3fff)
    const file = await openSafetensors(serializeSafetensors({ a: { dtype: 'BF16', shape: [length], data } }))
    const values = await file.readFloat32('a')
    const bits = new Uint32Array(values.buffer)
    for (const i of [0, 1, 2 ** 21 - 1, 2 ** 21, length - 1]) expect(bits[i]).toBe(data[i]! << 16)
  })

  it('refuses to read types that have no float32 meaning here', async () => {
    const data = new Uint8Array(8)
    const file = await openSafetensors(serializeSafetensors({ a: { dtype: 'C64', shape: [1], data } }))
    await expect(file.readFloat32('a')).rejects.toThrow(/C64, which can't be read as float32/)
    expect(await file.read('a')).toEqual(data)
  })
})

describe('fileSource', () => {
  it('says what is wrong with a path', async () => {
    await expect(openSafetensors(fileSource('/nonexistent/x.safetensors'))).rejects.toThrow(
      /cannot read \/nonexistent\/x.safetensors: there is no such file or directory; check the path \(ENOENT\)/,
    )
    await expect(openSafetensors(fileSource(tmpdir()))).rejects.toBeInstanceOf(ResourceError)
  })

  it('notices a file that shrinks, and reopens after close', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'ps3-reader-'))
    try {
      const copy = join(directory, 'x.safetensors')
      await writeFile(copy, bytes)
      const file = await openSafetensors(fileSource(copy))
      await file.close()
      expect(await file.readFloat32('scalar')).toEqual(Float32Array.of(1.5))
      await truncate(copy, bytes.length - 100)
      await expect(file.read('mask.bool')).rejects.toThrow(/ended at byte|is something writing/)
      await file.close()
    } finally {
      await rm(directory, { recursive: true })
    }
  })
})
