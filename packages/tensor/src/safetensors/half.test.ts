import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decodeBfloat16, decodeFloat16, encodeBfloat16, encodeFloat16 } from './half.ts'
import { openSafetensors } from './reader.ts'

const fixture = readFileSync(new URL('../../fixtures/safetensors/rounding.safetensors', import.meta.url))

/** Equal bits, or both NaN: which NaN comes out is up to the processor that PyTorch ran on. */
function differences(ours: Uint16Array, theirs: Uint16Array, infinity: number): number[] {
  const isNaN16 = (bits: number) => (bits & 0x7fff) > infinity
  return [...ours.keys()].filter((i) => ours[i] !== theirs[i] && !(isNaN16(ours[i]!) && isNaN16(theirs[i]!)))
}

describe('half precision', async () => {
  const file = await openSafetensors(fixture)
  const float32 = (await file.readTyped('float32')) as Float32Array
  const float16 = (await file.readTyped('float16')) as Uint16Array
  const bfloat16 = (await file.readTyped('bfloat16')) as Uint16Array

  it('rounds to float16 as PyTorch does: ties, borders, subnormals, overflow, infinities, NaN, random bits', () => {
    const ours = new Uint16Array(float32.length)
    encodeFloat16(float32, ours)
    expect(differences(ours, float16, 0x7c00)).toEqual([])
  })

  it('rounds to bfloat16 as PyTorch does', () => {
    const ours = new Uint16Array(float32.length)
    encodeBfloat16(float32, ours)
    expect(differences(ours, bfloat16, 0x7f80)).toEqual([])
  })

  it('widens float16 exactly', async () => {
    const widened = await file.readFloat32('float16.widened')
    const ours = new Float32Array(float16.length)
    decodeFloat16(float16, ours)
    expect([...ours.keys()].filter((i) => !Object.is(ours[i], widened[i]))).toEqual([])
  })

  it('brings every 16-bit pattern back unchanged', () => {
    const all = new Uint16Array(65536).map((_, i) => i)
    const wide = new Float32Array(65536)
    const back = new Uint16Array(65536)
    decodeFloat16(all, wide)
    encodeFloat16(wide, back)
    expect(differences(back, all, 0x7c00)).toEqual([])
    decodeBfloat16(all, wide)
    encodeBfloat16(wide, back)
    expect(differences(back, all, 0x7f80)).toEqual([])
  })
})
