// Resampling and adaptive max pooling against what PyTorch recorded (fixtures/ops/interpolate).
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { BACKENDS } from '../../../../tools/backends.ts'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { tensorData, useBackend } from '../backend/index.ts'
import { bytesSource } from '../safetensors/byte-source.ts'
import { openSafetensors } from '../safetensors/reader.ts'
import { reshape, tensor, tidy } from '../tf.ts'
import { adaptiveMaxPool } from './adaptive-max-pool.ts'
import { type InterpolationMode, interpolate, nearestIndex, resampleWeights } from './interpolate.ts'

const folder = fileURLToPath(new URL('../../fixtures/ops/interpolate/', import.meta.url))
const { tensors } = JSON.parse(await readFile(`${folder}case.json`, 'utf8')) as {
  tensors: Record<string, { shape: [number, number, number, number] }>
}
const file = await openSafetensors(bytesSource(await readFile(`${folder}tensors.safetensors`)))

const MODES: Record<string, InterpolationMode> = {
  bicubic: 'bicubic',
  bicubic_aa: 'bicubic-antialias',
  area: 'area',
  nearest: 'nearest',
}
// PyTorch weighs and sums in float32 too, in another order: a few roundings of values up to 5 (2.4e-7 each). Picking
// values (nearest, max) is exact.
const TOLERANCE = 4e-6

for (const [backend, describeHere] of BACKENDS) {
  describeHere(`recorded by PyTorch, on ${backend}`, () => {
    beforeAll(() => useBackend(backend))

    it.each(Object.keys(tensors).filter((name) => !name.endsWith('.in')))('%s', async (name) => {
      const [id, mode] = name.split('.') as [string, string]
      const { shape } = tensors[name]!
      const source = tensors[`${id}.in`]!.shape
      const expected = await file.readFloat32(name)
      const input = await file.readFloat32(`${id}.in`)
      const actual = await expectNoLeak(async () => {
        const out = tidy(() => {
          const x = tensor(input, source)
          if (mode !== 'adaptive_max') return interpolate(x, shape[2], shape[3], MODES[mode]!)
          return reshape(adaptiveMaxPool(reshape(x, [-1, source[2], source[3]]), shape[2], shape[3]), shape)
        })
        expect(out.shape).toEqual(shape)
        const values = await tensorData(out)
        out.dispose()
        return values
      })
      const worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - actual[i]!)), 0)
      expect(worst).toBeLessThanOrEqual(mode === 'nearest' || mode === 'adaptive_max' ? 0 : TOLERANCE)
    })
  })
}

describe('resampleWeights', () => {
  it.each(Object.values(MODES))('%s: each row sums to one', (mode) => {
    for (const [from, to] of [
      [1, 1],
      [1, 9],
      [27, 54],
      [54, 27],
      [101, 7],
    ] as const) {
      const weights = resampleWeights(from, to, mode)
      for (let o = 0; o < to; o++) {
        const total = weights.subarray(o * from, (o + 1) * from).reduce((a, b) => a + b, 0)
        // Each of up to 60 weights was rounded to float32.
        expect(Math.abs(total - 1)).toBeLessThan(1e-6)
      }
    }
  })

  it('leaves a map of the same size alone', () => {
    for (const mode of Object.values(MODES)) {
      const weights = resampleWeights(5, 5, mode)
      expect([...weights]).toEqual(Array.from({ length: 25 }, (_, i) => (i % 6 === 0 ? 1 : 0)))
    }
  })

  it('picks the nearest pixel inside the map', () => {
    for (let size = 1; size < 300; size++) {
      expect(nearestIndex(0, size, 270)).toBe(0)
      expect(nearestIndex(269, size, 270)).toBeLessThan(size)
    }
  })
})
