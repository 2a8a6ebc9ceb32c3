// tfjs approximates erf by Abramowitz and Stegun 7.1.26; exact GELU needs it to float32's own precision.
import { describe, expect, it } from 'vitest'
import { checkErf } from '../../test/check-erf.ts'

describe.each(['cpu', 'wasm'] as const)('erf on %s', (backend) => {
  it('is within 5e-7 of the true value', async () => {
    // The formula's own error is at most 1.5e-7; three roundings to float32 near 1 add 6e-8 each.
    expect(await checkErf(backend)).toBeLessThan(5e-7)
  })
})
