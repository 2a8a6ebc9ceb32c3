// How far a map of probabilities is from a map of targets. Shapes: B samples, h x w cells.

import {
  add,
  customGrad,
  div,
  greater,
  log,
  maximum,
  mean,
  mul,
  neg,
  scalar,
  sub,
  sum,
  type Tensor,
  tidy,
  where,
} from '@ps3js/tensor'

/** Probabilities and targets [B, h, w] in 0..1 -> a loss for each sample [B]. */
export type MapLoss = (probabilities: Tensor, targets: Tensor) => Tensor

/** The mean over cells of -t log p - (1 - t) log(1 - p), as PS3 supervises selection. */
export const binaryCrossEntropy: MapLoss = (probabilities, targets) =>
  tidy(() => mean(cellCrossEntropy(probabilities, targets), [1, 2]))

/** VILA-HD's: 1 - 2 sum(p t) / (sum(p) + sum(t)), with scale 100 and eps 1e-6. */
export const dice: MapLoss = (probabilities, targets) =>
  tidy(() => {
    const shared = sum(mul(div(probabilities, DICE_SCALE), targets), [1, 2])
    const both = sum(add(div(probabilities, DICE_SCALE), div(targets, DICE_SCALE)), [1, 2])
    return sub(1, div(add(mul(shared, 2), DICE_EPS), add(both, DICE_EPS)))
  })

/** What VILA-HD supervises selection with: the sum of the two. */
export const binaryCrossEntropyAndDice: MapLoss = (probabilities, targets) =>
  tidy(() => add(binaryCrossEntropy(probabilities, targets), dice(probabilities, targets)))

const DICE_SCALE = 100
const DICE_EPS = 1e-6

/** As PyTorch's binary_cross_entropy: logarithms of at least -100, slopes divided by at least 1e-12. */
const LOG_FLOOR = -100
const SLOPE_FLOOR = 1e-12
/** The least normal float32: its logarithm is finite on every backend. */
const TINY = 1.1754944e-38

function cellCrossEntropy(probabilities: Tensor, targets: Tensor): Tensor {
  return customGrad((...args: unknown[]) => {
    const [p, save] = args as [Tensor, (saved: Tensor[]) => void]
    const value = tidy(() => {
      const right = mul(targets, flooredLog(p))
      return neg(add(right, mul(sub(1, targets), flooredLog(sub(1, p)))))
    })
    save([p, targets])
    const gradFunc = (dy: Tensor, saved: Tensor[]) => {
      const [q, t] = saved as [Tensor, Tensor]
      return div(mul(dy, sub(q, t)), maximum(mul(q, sub(1, q)), SLOPE_FLOOR))
    }
    return { value, gradFunc }
  })(probabilities)
}

const flooredLog = (x: Tensor): Tensor => where(greater(x, 0), log(maximum(x, TINY)), scalar(LOG_FLOOR))
