// Whether everything fits into the language model's context, found out before any work starts.

import { InvalidArgumentError } from '@ps3js/tensor'

/** Rows that an answer needs, by what they are for. */
export interface RowBill {
  /** Text, with what ends each picture. */
  text: number
  lowRes: number
  /** The most that the closer looks may give. */
  highRes: number
  answer: number
}

/** @throws InvalidArgumentError with all the numbers when they are more than the model's positions */
export function requireRoom({ text, lowRes, highRes, answer }: RowBill, positions: number): void {
  const total = text + lowRes + highRes + answer
  if (total <= positions) return
  const least = text + lowRes + answer
  const remedy =
    least < positions && highRes > 0
      ? `look less closely (at most ${positions - least} high-res tokens fit), or ask for a shorter answer`
      : 'ask about fewer pictures, a shorter text, or for a shorter answer'
  throw new InvalidArgumentError(
    `${text} tokens of text, ${lowRes} of pictures at low resolution, up to ${highRes} of closer looks and up to ${answer} of answer are ${total}, more than the ${positions} positions of this model: ${remedy}`,
  )
}
