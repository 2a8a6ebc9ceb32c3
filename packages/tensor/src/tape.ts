// A gradient tape that pauses: a forward pass in several synchronous parts, with awaits (reading a tensor's values,
// choosing by them) between them. tfjs's own `grads` wants the whole pass in one synchronous function.

import { engine, ones, type Tensor, type TensorContainer } from '@tensorflow/tfjs-core'
import { InvalidArgumentError } from './errors.ts'
import { add, dispose, tidy } from './tf.ts'

type TapeNode = NonNullable<ReturnType<typeof engine>['state']['activeTape']>[number]

/** Where a backward pass starts: an output, and the gradient that arrives there (ones when left out). */
export interface TapeOutput {
  y: Tensor
  dy?: Tensor
}

/**
 * Records what runs inside `record`, and nothing between two of its calls:
 *
 * ```ts
 * const tape = new Tape()
 * const scores = tape.record(() => score(x, weights))
 * const best = argBest(await tensorData(scores))
 * const loss = tape.record(() => lossOf(scores, best))
 * const [dWeights] = tape.gradients([{ y: loss }], [weights])
 * ```
 */
export class Tape {
  #nodes: TapeNode[] = []

  /** Runs `body` inside `tidy` and records it; what it returns belongs to the caller. */
  record<T extends TensorContainer>(body: () => T): T {
    const { state } = engine()
    const outer = state.activeTape
    state.activeTape = this.#nodes
    state.gradientDepth++
    try {
      return tidy(body)
    } finally {
      state.gradientDepth--
      state.activeTape = outer as TapeNode[]
    }
  }

  /**
   * The gradient of the outputs' sum for every `xs`, null where none depends on it; the caller disposes them. Goes
   * through the tape once and empties it: what a step had kept is freed as soon as its gradient is known, so that memory
   * falls along the way.
   */
  gradients(outputs: readonly TapeOutput[], xs: readonly Tensor[]): (Tensor | null)[] {
    const nodes = this.#nodes
    const dependent = dependents(nodes, xs)
    const wanted = new Set(xs.map(({ id }) => id))
    const gradients = new Map<number, Tensor>()
    try {
      for (const { y, dy } of outputs) accumulate(gradients, y, dy ? dy.clone() : ones(y.shape))
      for (let node = nodes.pop(); node; node = nodes.pop()) {
        const arrived = node.outputs.map(({ id }) => gradients.get(id) ?? null)
        if (dependent.nodes.has(node.id) && arrived.some(Boolean)) {
          const inputs = Object.entries(node.inputs).filter(([, x]) => dependent.tensors.has(x.id))
          const found = backward(node, arrived, inputs)
          inputs.forEach(([, x], i) => {
            accumulate(gradients, x, found[i]!)
          })
        }
        for (const { id } of node.outputs) {
          if (wanted.has(id)) continue
          gradients.get(id)?.dispose()
          gradients.delete(id)
        }
        dispose(node.saved ?? [])
      }
      return xs.map(({ id }) => {
        const gradient = gradients.get(id) ?? null
        gradients.delete(id)
        return gradient
      })
    } finally {
      dispose([...gradients.values()])
      this.dispose()
    }
  }

  /** Frees what was recorded; for tapes whose gradients are not asked for. */
  dispose(): void {
    for (const node of this.#nodes.splice(0)) dispose(node.saved ?? [])
  }
}

/** Tensors and steps that depend on any of `xs`. */
function dependents(nodes: readonly TapeNode[], xs: readonly Tensor[]) {
  const tensors = new Set(xs.map(({ id }) => id))
  const steps = new Set<number>()
  for (const node of nodes) {
    if (!Object.values(node.inputs).some((x) => tensors.has(x.id))) continue
    steps.add(node.id)
    for (const { id } of node.outputs) tensors.add(id)
  }
  return { tensors, nodes: steps }
}

/** One step's gradients for the named inputs, each a tensor of its own. */
function backward(node: TapeNode, arrived: (Tensor | null)[], inputs: [string, Tensor][]): Tensor[] {
  const { gradient, kernelName } = node
  if (!gradient)
    throw new InvalidArgumentError(`${kernelName} has no gradient: register one, or use other ops`)
  return tidy(() => {
    const make = gradient(arrived as Tensor[])
    const taken = new Set(arrived)
    return inputs.map(([name, x]) => {
      const dx = make[name]!()
      if (dx.shape.length !== x.shape.length || dx.shape.some((size, axis) => size !== x.shape[axis])) {
        throw new InvalidArgumentError(
          `the gradient of ${kernelName} for "${name}" is [${dx.shape}], the input [${x.shape}]`,
        )
      }
      if (taken.has(dx)) return dx.clone()
      taken.add(dx)
      return dx
    })
  })
}

function accumulate(gradients: Map<number, Tensor>, { id }: Tensor, part: Tensor): void {
  const total = gradients.get(id)
  gradients.set(id, total ? add(total, part) : part)
  if (total) dispose([total, part])
}
