// CLIP: each image picks its text among all, and each text its image (arXiv:2103.00020, figure 3).

import { add, concat, exp, max, mul, neg, relu, scalar, sub, sum, type Tensor, tidy } from '@ps3js/tensor'
import { type ContrastiveFeatures, checkFeatures } from './features.ts'
import { type PairOptions, pairLabels } from './labels.ts'
import { log1p } from './log1p.ts'
import { scaleOf } from './logit-scale.ts'
import { pairLoss, type RowLoss } from './pairs.ts'

export interface ClipLossOptions extends ContrastiveFeatures, PairOptions {
  /** Logarithm of the factor on the cosines, one value; used within LOGIT_SCALE_RANGE. */
  logitScale: Tensor
}

/**
 * The cross-entropy of picking the right text for each image and the right image for each text, averaged over both and
 * over samples: a scalar. With `workers`, own samples pick among everybody's; the mean of the workers' losses is the
 * loss of the whole batch. Throws InvalidArgumentError for shapes that do not fit.
 */
export function clipLoss(options: ClipLossOptions): Tensor {
  const { imageFeatures, textFeatures, workers, logitScale, chunkSize } = options
  checkFeatures('clipLoss', options)
  const labels = pairLabels('clipLoss', options, options)
  return tidy(() => {
    const common = {
      scale: scaleOf('clipLoss', logitScale),
      bias: scalar(0),
      labels,
      rows: softmaxRows,
      chunkSize,
    }
    const allTexts = workers ? concat([...workers.textFeatures], 0) : textFeatures
    const allImages = workers ? concat([...workers.imageFeatures], 0) : imageFeatures
    const pickText = pairLoss({ ...common, queries: imageFeatures, keys: allTexts })
    const pickImage = pairLoss({ ...common, queries: textFeatures, keys: allImages })
    return mul(add(pickText, pickImage), 0.5)
  })
}

/**
 * With d_j = z_j - z_pair, a row's loss is log(1 + sum e^d_j) over the other columns, and the pair's slope is minus the
 * sum of theirs: unlike log-softmax and p - 1, nothing cancels where a pair stands out.
 */
const softmaxRows: RowLoss = {
  value: (logits, labels) => sum(rowLosses(leads(logits, labels))),
  slope(logits, labels) {
    const lead = leads(logits, labels)
    const byOthers = exp(sub(lead, rowLosses(lead)))
    return sub(byOthers, mul(relu(labels), sum(byOthers, 1, true)))
  },
}

/** Large enough to vanish in a softmax, small enough to stay finite on every backend. */
const LEFT_OUT = -1e9

/** By how much the other columns lead over the row's pair; the pair itself and what is left out count for nothing. */
function leads(logits: Tensor, labels: Tensor): Tensor {
  const others = relu(neg(labels))
  const pair = sum(mul(logits, relu(labels)), 1, true)
  return add(mul(sub(logits, pair), others), mul(sub(1, others), LEFT_OUT))
}

/** log(1 + sum e^lead) of each row, [R, 1]. */
function rowLosses(lead: Tensor): Tensor {
  const shift = relu(max(lead, 1, true))
  const others = sum(exp(sub(lead, shift)), 1, true)
  return add(shift, log1p(add(others, sub(exp(neg(shift)), 1))))
}
