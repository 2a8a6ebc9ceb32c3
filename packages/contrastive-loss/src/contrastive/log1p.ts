// log(1 + x) for x >= 0 that keeps small x.

import { add, div, equal, log, mul, sub, type Tensor, where } from '@ps3js/tensor'

/**
 * Some backends round 1 + x first, and lose what a good model's loss consists of. What was lost there is lost in the
 * quotient too, and so made up for (Goldberg, ACM Computing Surveys 23(1), 1991, theorem 4).
 */
export function log1p(x: Tensor): Tensor {
  const rounded = add(x, 1)
  const kept = sub(rounded, 1)
  const lost = equal(kept, 0)
  return where(lost, x, div(mul(x, log(rounded)), where(lost, rounded, kept)))
}
