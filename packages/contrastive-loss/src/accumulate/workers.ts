// Averages over workers, as data-parallel training takes them.

import { add, dispose, mul, type Tensor, TensorScope, tensor1d, tensorData, zerosLike } from '@ps3js/tensor'
import type { Collective } from '../collective/collective.ts'

export async function meanOverWorkers(x: Tensor, collective: Collective): Promise<Tensor> {
  const total = await collective.allReduce(x)
  try {
    return mul(total, 1 / collective.size)
  } finally {
    total.dispose()
  }
}

/** Sums of plain numbers over workers. */
export async function sumOverWorkers(values: number[], collective: Collective): Promise<number[]> {
  if (collective.size === 1 || values.length === 0) return values
  using scope = new TensorScope()
  const own = scope.track(tensor1d(values, 'float32'))
  return [...(await tensorData(scope.track(await collective.allReduce(own))))]
}

/** Gradients by parameter, summed part by part. */
export class GradientSums {
  readonly #parameters: Record<string, Tensor>
  readonly #sums: Record<string, Tensor>

  /** Takes over `start`, gradients for some of the parameters. */
  constructor(parameters: Record<string, Tensor>, start: Record<string, Tensor>) {
    this.#parameters = parameters
    this.#sums = start
  }

  /** Takes over gradients in the parameters' order, null where there is none. Tells whether there was one. */
  take(gradients: readonly (Tensor | null)[]): boolean {
    Object.keys(this.#parameters).forEach((name, i) => {
      const part = gradients[i]
      if (!part) return
      const before = this.#sums[name]
      this.#sums[name] = before ? add(before, part) : part
      if (before) dispose([before, part])
    })
    return gradients.some(Boolean)
  }

  /** The means over workers, which belong to the caller; a parameter is there when any worker has a gradient for it. */
  async meanOverWorkers(collective: Collective): Promise<Record<string, Tensor>> {
    if (collective.size === 1) return this.#giveAway()
    const names = Object.keys(this.#parameters)
    const present = await sumOverWorkers(
      names.map((name) => (this.#sums[name] ? 1 : 0)),
      collective,
    )
    using scope = new TensorScope()
    const means: Record<string, Tensor> = {}
    for (const [i, name] of names.entries()) {
      if (present[i] === 0) continue
      const own = this.#sums[name] ?? scope.track(zerosLike(this.#parameters[name]!))
      means[name] = scope.track(await meanOverWorkers(own, collective))
    }
    return scope.keep(means)
  }

  dispose(): void {
    dispose(this.#giveAway())
  }

  #giveAway(): Record<string, Tensor> {
    const all = { ...this.#sums }
    for (const name of Object.keys(all)) delete this.#sums[name]
    return all
  }
}
