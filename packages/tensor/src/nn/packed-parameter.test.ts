// Packed matrices: what rounding loses, and products from them on every backend against float64 sums of the rounded values.
import { beforeAll, describe, expect, it } from 'vitest'
import { BACKENDS } from '../../../../tools/backends.ts'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { tensorData, useBackend } from '../backend/index.ts'
import { CheckpointError, InvalidArgumentError } from '../errors.ts'
import { Random } from '../random.ts'
import { dispose, grads, mul, sum, type Tensor, tensor, tidy } from '../tf.ts'
import { PackedParameter } from './packed-parameter.ts'
import { PACKED_FORMATS, type PackedFormat, packedBytes, packMatrix, unpackRows } from './packing.ts'
import { zerosInitializer } from './parameter.ts'

const [ROWS, COLUMNS] = [37, 77] // neither whole vectors nor whole groups

const normal = (size: number, seed: number) => new Random(seed).fillNormal(new Float32Array(size))
const VALUES = normal(ROWS * COLUMNS, 1)
const allRows = Int32Array.from({ length: ROWS }, (_, i) => i)

const rounded = (format: PackedFormat) =>
  unpackRows(packMatrix(VALUES, COLUMNS, format), COLUMNS, format, allRows)

/** Of a value, or of the largest value of its group: half a unit in the last place of bf16 (8 bits) and f16 (11 bits). */
const ERRORS: Record<PackedFormat, number> = {
  bf16: 2 ** -9,
  f16: 2 ** -12,
  int8: 0.5 / 127,
  // Values at the far end of the other sign may be cut off at 7 of 8.
  int4: 1 / 8,
}

describe('packing', () => {
  it.each(PACKED_FORMATS)('%s loses no more than the format must', (format) => {
    const back = rounded(format)
    for (let i = 0; i < back.length; i++) {
      const column = i % COLUMNS
      const start = i - column + Math.floor(column / 32) * 32
      const group = VALUES.subarray(start, Math.min(start + 32, i - column + COLUMNS))
      const size = format.startsWith('int') ? Math.max(...group.map(Math.abs)) : Math.abs(VALUES[i]!) * 2
      expect(Math.abs(back[i]! - VALUES[i]!)).toBeLessThanOrEqual(size * ERRORS[format] * (1 + 1e-6))
    }
  })

  it.each(PACKED_FORMATS)('%s rounds what is rounded to itself, and zeros to zeros', (format) => {
    const once = rounded(format)
    const again = unpackRows(packMatrix(once, COLUMNS, format), COLUMNS, format, allRows)
    // The factor of int8 may move by its last bit.
    for (let i = 0; i < once.length; i++) expect(Math.abs(again[i]! - once[i]!)).toBeLessThan(1e-6)
    const zeros = packMatrix(new Float32Array(64), 64, format)
    expect([...unpackRows(zeros, 64, format, [0])].every((value) => value === 0)).toBe(true)
  })

  it('takes the bytes that it says', () => {
    const bytes = PACKED_FORMATS.map((format) => packedBytes(ROWS, COLUMNS, format))
    expect(bytes).toEqual([37 * 77 * 2, 37 * 77 * 2, 37 * 3 * 36, 37 * 3 * 20])
    for (const [i, format] of PACKED_FORMATS.entries()) {
      const { bytes: packed, scales } = packMatrix(VALUES, COLUMNS, format)
      expect(packed.length + 4 * (scales?.length ?? 0)).toBe(bytes[i])
    }
  })

  it('refuses a format that there is not, before there are weights', () => {
    const make = () => new PackedParameter(ROWS, COLUMNS, 'int3' as PackedFormat, zerosInitializer)
    expect(make).toThrow(InvalidArgumentError)
    expect(make).toThrow('cannot be packed as int3: there are bf16, f16, int8, int4')
  })
})

for (const [backend, describeBackend] of BACKENDS) {
  describeBackend(`packed parameters on ${backend}`, () => {
    beforeAll(() => useBackend(backend))

    // Few rows, for which native kernels read packed weights, and more, for which they unpack them.
    it.each(PACKED_FORMATS.flatMap((format) => [1, 5, 12].map((rows) => [format, rows] as const)))(
      '%s times %i rows, and its gradients',
      async (format, count) => {
        await expectNoLeak(async () => {
          const parameter = new PackedParameter(ROWS, COLUMNS, format, zerosInitializer)
          parameter.set(VALUES.slice())
          const weights = rounded(format)
          const [xs, biases, ws] = [normal(count * COLUMNS, 2), normal(ROWS, 3), normal(count * ROWS, 4)]
          const x = tensor(xs, [count, COLUMNS])
          const bias = tensor(biases)
          const w = tensor(ws, [count, ROWS])
          const y = parameter.multiply(x, bias)
          const run = (x: Tensor, bias: Tensor) => sum(mul(parameter.multiply(x, bias), w))
          const [dx, dBias] = tidy(() => grads(run)([x, bias])) as [Tensor, Tensor]
          const wantY = Float64Array.from({ length: count * ROWS }, (_, i) => {
            const [r, o] = [Math.floor(i / ROWS), i % ROWS]
            let total = biases[o]!
            for (let k = 0; k < COLUMNS; k++) total += xs[r * COLUMNS + k]! * weights[o * COLUMNS + k]!
            return total
          })
          const wantDx = Float64Array.from({ length: count * COLUMNS }, (_, i) => {
            const [r, k] = [Math.floor(i / COLUMNS), i % COLUMNS]
            let total = 0
            for (let o = 0; o < ROWS; o++) total += ws[r * ROWS + o]! * weights[o * COLUMNS + k]!
            return total
          })
          const wantDBias = Float64Array.from({ length: ROWS }, (_, o) => {
            let total = 0
            for (let r = 0; r < count; r++) total += ws[r * ROWS + o]!
            return total
          })
          for (const [got, want] of [
            [y, wantY],
            [dx, wantDx],
            [dBias, wantDBias],
          ] as const) {
            const values = await tensorData(got)
            // Sums of up to 77 products of order 1 in float32.
            for (let i = 0; i < want.length; i++) expect(Math.abs(values[i]! - want[i]!)).toBeLessThan(2e-5)
          }
          const ids = Int32Array.of(36, 0, 5)
          const picked = parameter.rows(ids)
          const wanted = unpackRows(packMatrix(VALUES, COLUMNS, format), COLUMNS, format, ids)
          expect([...(await tensorData(picked))]).toEqual([...wanted])
          dispose([x, bias, w, y, dx, dBias, picked])
          parameter.dispose()
        })
      },
    )

    it('refuses what does not fit, by name', async () => {
      const parameter = new PackedParameter(ROWS, COLUMNS, 'int8', zerosInitializer)
      const x = tensor(normal(2 * 76, 5), [2, 76])
      expect(() => parameter.rows(Int32Array.of(0))).toThrow('have no values yet')
      expect(() => parameter.value).toThrow(InvalidArgumentError)
      expect(() => parameter.set(new Float32Array(3))).toThrow('cannot take 3 values')
      parameter.set(VALUES.slice())
      expect(() => parameter.multiply(x)).toThrow('x is [2, 76], expected [R, 77]')
      const packed = packMatrix(VALUES, COLUMNS, 'int8')
      const source = (values: typeof packed) => ({
        names: () => ['w'],
        shape: () => [ROWS, COLUMNS],
        read: async () => VALUES.slice(),
        readPacked: async () => values,
      })
      const short = { ...packed, bytes: packed.bytes.slice(1) }
      const nan = { ...packed, scales: packed.scales!.map((scale, i) => (i === 7 ? Number.NaN : scale)) }
      await expect(parameter.load(source(short), 'w')).rejects.toThrow(CheckpointError)
      await expect(parameter.load(source(nan), 'w')).rejects.toThrow('"w" holds NaN')
      dispose(x)
      parameter.dispose()
    })
  })
}
