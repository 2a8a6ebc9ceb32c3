// The count of arithmetic against the parts of the 4K model that are known, and against a count by hand.

import { presetConfig } from '@ps3js/ps3-encoder'
import { describe, expect, it } from 'vitest'
import { encodingCost, passFlops } from './flops.ts'

const config = presetConfig('PS3-4K-SigLIP', { text: false })

describe('encodingCost', () => {
  it('agrees with what is known of one look of the 4K model: 0.6 TFLOP low-res, 2.1 linear layers, 1.05 attention', () => {
    const cost = encodingCost(config, { looks: [2560], allPatches: 54 ** 2 + 108 ** 2 + 270 ** 2 })
    // Low-res: 729 tokens through 27 blocks, 0.60 TFLOP of linear layers and 0.07 of attention.
    expect(cost.lowRes / 1e12).toBeCloseTo(0.665, 2)
    expect(cost.highRes / 1e12).toBeCloseTo(2.1 + 1.05, 1)
    expect(cost.total).toBe(cost.lowRes + cost.selection + cost.highRes)
  })

  it('grows with the square of the tokens only in attention', () => {
    const once = encodingCost(config, { looks: [1000], allPatches: 1 }).highRes
    const twoLooks = encodingCost(config, { looks: [1000, 1000], allPatches: 1 }).highRes
    const oneBigLook = encodingCost(config, { looks: [2000], allPatches: 1 }).highRes
    expect(twoLooks).toBe(2 * once)
    expect(oneBigLook - twoLooks).toBeCloseTo(27 * 4 * 1152 * (2000 * 1000), -3)
  })

  it('counts everything as one pass over every patch', () => {
    const { everything, lowRes } = encodingCost(config, { looks: [], allPatches: 87_480 })
    expect(everything - lowRes).toBe(passFlops(config, 87_480, 88_209))
  })
})

describe('passFlops', () => {
  it('counts a tiny pass as by hand', () => {
    const trunk = { ...config.trunk, width: 2, mlp_hidden: 3, depth: 1, patch_size: 1, heads: 1 }
    // One token: qkv 2*2*6, projection 2*2*2, MLP 2*(2*3)*2, attention to 5 keys 4*5*2, embedding 2*3*2.
    expect(passFlops({ ...config, trunk }, 1, 5)).toBe(24 + 8 + 24 + 40 + 12)
  })
})
