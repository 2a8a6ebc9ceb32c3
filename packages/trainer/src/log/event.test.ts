// Event files equal, byte for byte, those that Python's tensorboard 2.21 wrote (fixtures/tensorboard).
import { readFileSync } from 'node:fs'
import { decodeImage } from '@ps3js/ps3-encoder'
import { describe, expect, it } from 'vitest'
import { crc32c, maskedCrc32c } from './crc32c.ts'
import { encodeEvents, eventStep } from './event.ts'
import { encodePng } from './png.ts'
import { frameRecord, readRecords } from './tf-record.ts'

const recorded = new Uint8Array(
  readFileSync(new URL('../../fixtures/tensorboard/events.out.tfevents', import.meta.url)),
)

const events = [
  { wallTime: 1234567.5, step: 7, starts: true },
  { wallTime: 1234568.25, step: 8, scalars: { 'loss/total': 0.1, größe: -1e-7 } },
  {
    wallTime: 1234569,
    step: 5_000_000_000,
    images: { map: { width: 300, height: 3, png: Uint8Array.from([0x89, ...Buffer.from('PNG stand-in')]) } },
  },
]

describe('event files', () => {
  it("equal tensorboard's own", () => {
    const ours = events.flatMap(encodeEvents).map(frameRecord)
    expect(Buffer.concat(ours).equals(recorded)).toBe(true)
  })

  it('are read back with their steps', () => {
    const steps = [...readRecords(recorded)].map(({ record }) => eventStep(record))
    expect(steps).toEqual([0, 7, 8, 5_000_000_000])
  })

  it('end at the first record that is torn or damaged', () => {
    const whole = [...readRecords(recorded)]
    expect(whole.at(-1)!.end).toBe(recorded.length)
    for (let cut = whole[2]!.end; cut < recorded.length; cut++) {
      expect([...readRecords(recorded.subarray(0, cut))]).toHaveLength(3)
    }
    const damaged = recorded.slice()
    damaged[whole[1]!.end + 15]! ^= 1
    expect([...readRecords(damaged)]).toHaveLength(2)
  })
})

describe('checksums', () => {
  it.each([
    // RFC 3720, B.4.
    [new Uint8Array(32), 0x8a9136aa],
    [new Uint8Array(32).fill(255), 0x62a8ab43],
    [Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    [new TextEncoder().encode('123456789'), 0xe3069283],
  ])('CRC-32C of known strings', (bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected)
    expect(maskedCrc32c(bytes)).toBe(
      ((((expected >>> 15) | ((expected << 17) >>> 0)) + 0xa282ead8) % 2 ** 32) >>> 0,
    )
  })
})

describe('encodePng', () => {
  it.each([
    [4, 3],
    [200, 150],
  ])('%i x %i: libpng reads the same pixels', async (width, height) => {
    const rgb = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7) % 256)
    const read = await decodeImage(encodePng(width, height, rgb))
    expect([read.width, read.height]).toEqual([width, height])
    expect([...read.data]).toEqual([...rgb])
  })
})
