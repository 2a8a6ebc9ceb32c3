// How fast a run goes: pictures and tokens a second, time left, and the share of what the machine's matrix product does.

import { matMul, ones, slice, tensorData, tidy } from '@ps3js/tensor'
import { memoryBytes } from '#platform'
import type { StepReport } from '../run/trainer.ts'

/** Steps that the figures are averaged over. */
const WINDOW = 20

export class Speedometer {
  #peak: number | undefined
  #started = 0
  #seconds: number[] = []

  /** Right before a step. */
  start(): void {
    this.#started = performance.now()
  }

  /** Right after it. */
  async stop({ step, lastStep, work }: StepReport): Promise<Record<string, number>> {
    this.#seconds = [...this.#seconds, (performance.now() - this.#started) / 1000].slice(-WINDOW)
    const seconds = this.#seconds.reduce((sum, value) => sum + value, 0) / this.#seconds.length
    const { images, tokens, flops } = work
    if (flops !== undefined) this.#peak ??= await matmulFlops()
    const memory = memoryBytes()
    return {
      'speed/secondsPerStep': seconds,
      'speed/imagesPerSecond': images / seconds,
      'speed/tokensPerSecond': tokens / seconds,
      ...(flops === undefined ? {} : { 'speed/shareOfMatmulPeak': flops / seconds / this.#peak! }),
      'speed/secondsLeft': (lastStep - step) * seconds,
      ...(memory === undefined ? {} : { 'speed/memoryBytes': memory }),
    }
  }
}

const SIDE = 768
const TRIES = 3

/** Floating-point operations a second of this backend's matrix product: the best of a few short ones. */
async function matmulFlops(): Promise<number> {
  const square = ones([SIDE, SIDE])
  let best = Number.POSITIVE_INFINITY
  // The first call prepares kernels and buffers.
  for (let i = 0; i <= TRIES; i++) {
    const started = performance.now()
    const corner = tidy(() => slice(matMul(square, square), [0, 0], [1, 1]))
    // A GPU works on after its calls have returned.
    await tensorData(corner)
    corner.dispose()
    if (i > 0) best = Math.min(best, (performance.now() - started) / 1000)
  }
  square.dispose()
  return (2 * SIDE ** 3) / best
}
