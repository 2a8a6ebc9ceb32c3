// Scaling vectors to length one (torch.nn.functional.normalize).

import type { Tensor } from '@tensorflow/tfjs-core'
import { div, maximum, sqrt, square, sum, tidy } from '../tf.ts'

/** x [..., C] -> [..., C] with unit length along the last axis; vectors shorter than 1e-12 stay short. */
export function l2Normalize(x: Tensor): Tensor {
  // The bound lies under the root: the root's slope at zero is infinite, and times zero that is NaN.
  return tidy(() => div(x, sqrt(maximum(sum(square(x), -1, true), 1e-24))))
}
