// The arithmetic of a step against the count of the released model's passes.
import { presetConfig } from '@ps3js/ps3-encoder'
import { expect, it } from 'vitest'
import { stepFlops } from './step-flops.ts'

it('a look of 2,560 patches at 4K takes about 3.75 TFLOP, and training three times that', () => {
  const config = presetConfig('PS3-4K-SigLIP', { text: false })
  const work = { images: 1, highResTokens: 2560 }
  // .6 low-res, 2.1 linear layers, 1.05 attention, each rounded: 0.05 apiece.
  expect(Math.abs(stepFlops(config, { ...work, forwardPasses: 1 }) / 3 / 1e12 - 3.75)).toBeLessThan(0.15)
  expect(stepFlops(config, { ...work, images: 2, forwardPasses: 2 })).toBe(
    (8 / 3) * stepFlops(config, { ...work, forwardPasses: 1 }),
  )
})
