// The temperature of the contrastive loss stays within bounds (CLIP, arXiv:2103.00020, section 2.5).

import { LOGIT_SCALE_RANGE } from '@ps3js/contrastive-loss'
import type { PS3Encoder } from '@ps3js/ps3-encoder'
import { clipByValue } from '@ps3js/tensor'

/** After every step: logit_scale into [0, ln 100], outside of which it would get no gradient any more. */
export function clampLogitScale({ logit_scale }: PS3Encoder): void {
  if (!logit_scale) return
  const clamped = clipByValue(logit_scale.value, ...LOGIT_SCALE_RANGE)
  logit_scale.set(clamped)
  clamped.dispose()
}
