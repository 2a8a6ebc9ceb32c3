// Reads the recorded selections of the reference model (fixtures/choice-cases.json) for the tests beside this file.
import { readFileSync } from 'node:fs'
import { inflateSync } from 'node:zlib'
import type { GridSize, PatchSelection, ProbabilityMap } from '../src/choice/index.ts'

interface PackedCase {
  name: string
  tieRule: 'official' | 'rowmajor'
  call: Record<string, unknown>
  integerTruth: boolean
  low: [number, number]
  grids: [number, number][]
  budget: number[]
  samples: {
    coarse: string
    looks: string[][]
    probabilities?: Record<string, string>
    groundTruth?: { size: [number, number]; bits: string }
  }[]
}

export interface RecordedSample {
  /** The map that all scales share, before forcing and smoothing. */
  coarse: ProbabilityMap
  /** Per look and scale what the reference took. */
  looks: PatchSelection[]
  /** Per scale, after forcing and smoothing; only where either was done, and not for every scale of large grids. */
  probabilities: (Float32Array | undefined)[]
  groundTruth?: GridSize & { data: Uint8Array }
}

export interface RecordedCase extends Omit<PackedCase, 'grids' | 'low' | 'samples'> {
  grids: GridSize[]
  samples: RecordedSample[]
}

export function readFixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8')) as T
}

export function recordedCases(): RecordedCase[] {
  return readFixture<PackedCase[]>('choice-cases.json').map((packed) => {
    const grids = packed.grids.map(([height, width]) => ({ height, width }))
    const samples = packed.samples.map((sample) => ({
      coarse: { height: packed.low[0], width: packed.low[1], data: floats(sample.coarse) },
      looks: sample.looks.map((maps) => ({
        indices: maps.map((map, s) => setBits(unpackBits(map, grids[s]!.height * grids[s]!.width))),
      })),
      probabilities: grids.map((_, s) => {
        const text = sample.probabilities?.[String(s + 1)]
        return text === undefined ? undefined : floats(text)
      }),
      groundTruth: sample.groundTruth && {
        height: sample.groundTruth.size[0],
        width: sample.groundTruth.size[1],
        data: unpackBits(sample.groundTruth.bits, sample.groundTruth.size[0] * sample.groundTruth.size[1]),
      },
    }))
    return { ...packed, grids, samples }
  })
}

export function unpackBits(text: string, count: number): Uint8Array {
  const bytes = inflate(text)
  return Uint8Array.from({ length: count }, (_, i) => (bytes[i >> 3]! >> (7 - (i & 7))) & 1)
}

function setBits(map: Uint8Array): Int32Array {
  return Int32Array.from(Array.from(map.keys()).filter((i) => map[i] === 1))
}

function floats(text: string): Float32Array {
  const bytes = inflate(text)
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
}

function inflate(text: string): Uint8Array {
  // Copied, so that a float view starts at a multiple of four bytes.
  return new Uint8Array(inflateSync(Buffer.from(text, 'base64')))
}
