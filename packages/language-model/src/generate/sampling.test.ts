// Probabilities against transformers' logits processors; draws against probabilities.
import { readFile } from 'node:fs/promises'
import { Random } from '@ps3js/tensor'
import { expect, it } from 'vitest'
import { folderOf } from '../recorded.fixture.ts'
import { checkSampling, pickToken, type SamplingOptions } from './sampling.ts'

interface Case {
  options: SamplingOptions
  seen: number[]
  logits: number[]
  probabilities: number[]
}

const cases = JSON.parse(await readFile(folderOf('sampling.json'), 'utf8')) as Case[]

it.each(cases)(
  'draws as often as transformers would with $options',
  ({ options, seen, logits, probabilities }) => {
    const random = new Random(1)
    const draws = 20_000
    const counts = logits.map(() => 0)
    for (let i = 0; i < draws; i++) {
      counts[pickToken(Float32Array.from(logits), new Set(seen), options, random)]!++
    }
    probabilities.forEach((p, id) => {
      if (p === 0) expect(counts[id], `token ${id} is left out`).toBe(0)
      // Five standard deviations of a share of 20,000 draws; a token nearly never drawn may come once or twice.
      else expect(Math.abs(counts[id]! / draws - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / draws) + 1e-4)
    })
  },
)

it('takes the likeliest without a temperature, the first among equals, and draws the same for one seed', () => {
  expect(pickToken(Float32Array.of(1, 3, 3, 2), new Set(), {}, new Random(0))).toBe(1)
  // Without the penalty token 1 would win.
  expect(pickToken(Float32Array.of(2, 3, 0), new Set([1]), { repetitionPenalty: 2 }, new Random(0))).toBe(0)
  const draw = () => {
    const random = new Random(9)
    return Array.from({ length: 20 }, () =>
      pickToken(Float32Array.of(1, 1.1, 0.9), new Set(), { temperature: 1 }, random),
    )
  }
  expect(draw()).toEqual(draw())
})

it.each([
  [{ temperature: -1 }, 'temperature is -1'],
  [{ temperature: Number.NaN }, 'temperature is NaN'],
  [{ topK: 0 }, 'topK is 0'],
  [{ topP: 1.5 }, 'topP is 1.5'],
  [{ repetitionPenalty: 0 }, 'repetitionPenalty is 0'],
])('refuses %o', (options, message) => {
  expect(() => checkSampling(options)).toThrow(message)
})
