// Labels from captions, and accuracies worked out by hand.
import { expect, it } from 'vitest'
import { labelOf, zeroShotMetrics } from './zero-shot.ts'

it('takes the class that a caption names, as whole words', () => {
  const classes = ['red star', 'blue ring', 'cat']
  expect(labelOf('A Red  star, large.', classes)).toBe(0)
  expect(labelOf('blue rings', classes)).toBeUndefined()
  expect(labelOf('concatenate', classes)).toBeUndefined()
  expect(labelOf('a cat on a red star', classes)).toBeUndefined()
})

it('counts pictures with a label only', () => {
  const values = Float32Array.from(
    [
      [0.9, 0.1, 0.2, 0.3, 0.4, 0.5],
      [0.9, 0.1, 0.2, 0.3, 0.4, 0.5],
      [0.9, 0.1, 0.2, 0.3, 0.4, 0.5],
      [0, 0, 0, 0, 0, 1],
    ].flat(),
  )
  const similarity = { queries: 4, candidates: 6, values }
  const metrics = zeroShotMetrics(similarity, [0, 1, 4, undefined])
  expect(metrics).toEqual({ classes: 6, samples: 3, top1: 1 / 3, top5: 2 / 3 })
  expect(zeroShotMetrics(similarity, [undefined, undefined, undefined, undefined])).toBeNull()
})
