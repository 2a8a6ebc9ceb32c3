// AdamW (Loshchilov & Hutter, arXiv:1711.05101) as PyTorch computes it: the decay is taken off first, and both moments
// are corrected for their start at zero.

import { adamWStep, dispose, InvalidArgumentError, type Tensor, zerosLike } from '@ps3js/tensor'
import type { ParameterGroup } from './groups.ts'

export interface AdamWOptions {
  betas: readonly [number, number]
  epsilon: number
}

/** Moments of one parameter, and how many steps went into them. */
export interface AdamWMoments {
  step: number
  mean: Tensor
  meanSquare: Tensor
}

/** By the parameter's property path. A parameter that never had a gradient has no entry. */
export type AdamWState = ReadonlyMap<string, AdamWMoments>

export interface AdamW {
  init(): AdamWState
  /**
   * One step: the state after it and the parameters' new values, which the caller puts in place (`applyValues`). The old
   * state and the gradients are used up: each tensor is freed as soon as its successor is there, so that a step needs no
   * more memory than the model, its gradients and its moments. A parameter without a gradient keeps value and moments:
   * it does not decay either.
   */
  update(
    groups: readonly ParameterGroup[],
    gradients: ReadonlyMap<string, Tensor>,
    state: AdamWState,
    learningRate: number,
  ): { state: AdamWState; values: Map<string, Tensor> }
}

export function adamW({ betas: [beta1, beta2], epsilon }: AdamWOptions): AdamW {
  return {
    init: () => new Map(),
    update(groups, gradients, state, learningRate) {
      const next = new Map(state)
      const values = new Map<string, Tensor>()
      for (const { parameters, weightDecay, rateFactor } of groups) {
        for (const [path, { value }] of parameters) {
          const gradient = gradients.get(path)
          if (!gradient) continue
          const { step, mean, meanSquare } = state.get(path) ?? {
            step: 0,
            mean: zerosLike(value),
            meanSquare: zerosLike(value),
          }
          const [newValue, newMean, newMeanSquare] = adamWStep(value, gradient, mean, meanSquare, {
            learningRate: learningRate * rateFactor,
            beta1,
            beta2,
            epsilon,
            weightDecay,
            step: step + 1,
          })
          dispose([gradient, mean, meanSquare])
          values.set(path, newValue)
          next.set(path, { step: step + 1, mean: newMean, meanSquare: newMeanSquare })
        }
      }
      return { state: next, values }
    },
  }
}

/** Puts new values in place and frees them. */
export function applyValues(groups: readonly ParameterGroup[], values: ReadonlyMap<string, Tensor>): void {
  const parameters = new Map(groups.flatMap((group) => [...group.parameters]))
  for (const [path, value] of values) {
    const parameter = parameters.get(path)
    if (!parameter) throw new InvalidArgumentError(`no group holds a parameter "${path}"`)
    parameter.set(value)
    value.dispose()
  }
}

/** Frees the moments. */
export function disposeAdamW(state: AdamWState): void {
  for (const { mean, meanSquare } of state.values()) dispose([mean, meanSquare])
}
