// SigLIP: every pair of image and text is a yes-or-no question of its own (arXiv:2303.15343, equation 1).

import { abs, add, concat, exp, mul, neg, relu, sigmoid, sum, type Tensor, tidy } from '@ps3js/tensor'
import { type ContrastiveFeatures, checkFeatures } from './features.ts'
import { type PairOptions, pairLabels } from './labels.ts'
import { log1p } from './log1p.ts'
import { scalarOf, scaleOf } from './logit-scale.ts'
import { pairLoss, type RowLoss } from './pairs.ts'

export interface SigLipLossOptions extends ContrastiveFeatures, PairOptions {
  /** Logarithm of the factor on the cosines, one value; used within LOGIT_SCALE_RANGE. */
  logitScale: Tensor
  /** Added to the logits, one value; -10 at the start of training. */
  logitBias: Tensor
}

/**
 * Minus the log-likelihood that every pair is judged rightly, summed over pairs and divided by B: a scalar. With
 * `workers`, own images meet everybody's texts; the mean of the workers' losses is the loss of the whole batch.
 * Throws InvalidArgumentError for shapes that do not fit.
 */
export function sigLipLoss(options: SigLipLossOptions): Tensor {
  const { imageFeatures, textFeatures, workers, logitScale, logitBias, chunkSize } = options
  checkFeatures('sigLipLoss', options)
  const labels = pairLabels('sigLipLoss', options, options)
  return tidy(() =>
    pairLoss({
      queries: imageFeatures,
      keys: workers ? concat([...workers.textFeatures], 0) : textFeatures,
      scale: scaleOf('sigLipLoss', logitScale),
      bias: scalarOf('sigLipLoss', 'logitBias', logitBias),
      labels,
      rows: sigmoidRows,
      chunkSize,
    }),
  )
}

const sigmoidRows: RowLoss = {
  value: (logits, labels) => sum(mul(softplus(neg(mul(logits, labels))), abs(labels))),
  slope: (logits, labels) => neg(mul(labels, sigmoid(neg(mul(logits, labels))))),
}

/** log(1 + e^x) without overflow. */
const softplus = (x: Tensor): Tensor => add(relu(x), log1p(exp(neg(abs(x)))))
