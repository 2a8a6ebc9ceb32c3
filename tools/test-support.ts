// What tests share: when a missing piece of the machine is a failure, and counting tensors,
// and how far numbers lie apart.
import { describe, expect } from 'vitest'
import { memory } from '../packages/tensor/src/index.ts'

/**
 * `describe` for tests that need something which a machine may lack. With CI=true they run, and so fail, without
 * it; elsewhere they are left out and one line says how to get it.
 */
export function requireOrSkip(available: boolean, hint: string): typeof describe | typeof describe.skip {
  if (available || process.env.CI === 'true') return describe
  process.stderr.write(`left out: ${hint}\n`)
  return describe.skip
}

/** Runs `work` and expects as many tensors afterwards as before, also when it throws. Gives its result back. */
export async function expectNoLeak<T>(work: () => T | Promise<T>): Promise<T> {
  const before = memory().numTensors
  let after = ''
  try {
    return await work()
  } catch (error) {
    after = ` after ${error}`
    throw error
  } finally {
    expect(memory().numTensors, `tensors left behind${after}`).toBe(before)
  }
}

/** The largest difference; infinite for NaN and for another length. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY
  let largest = 0
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!)
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference
  }
  return largest
}
