// Next-token cross-entropy, as transformers' Qwen2ForCausalLM computes it. T tokens of all sequences, V vocabulary.

import {
  cast,
  customGrad,
  gatherRows,
  InvalidArgumentError,
  logSoftmax,
  mul,
  neg,
  oneHot,
  softmax,
  sub,
  sum,
  type Tensor,
  tensor1d,
  tidy,
} from '@ps3js/tensor'
import type { Qwen2 } from '../model/qwen2.ts'

/** A label that counts for nothing: prompts, padding. */
export const IGNORED = -100

/**
 * Mean cross-entropy of rows of scores. logits [R, V], one label per row -> scalar. Keeps only the logits for the way
 * back.
 */
export function crossEntropy(logits: Tensor, labels: Int32Array | readonly number[]): Tensor {
  const [rows, classes] = logits.shape as [number, number]
  if (logits.rank !== 2 || rows !== labels.length || rows === 0) {
    throw new InvalidArgumentError(
      `crossEntropy: logits are [${logits.shape.join(', ')}] for ${labels.length} labels; one row per label is needed, at least one`,
    )
  }
  const wrong = labels.findIndex((label) => !(Number.isInteger(label) && label >= 0 && label < classes))
  if (wrong >= 0) {
    throw new InvalidArgumentError(
      `crossEntropy: label ${labels[wrong]} (at ${wrong}) is not one of ${classes}`,
    )
  }
  // Cast, because WebAssembly's oneHot makes zeros of float32.
  const targets = () => cast(oneHot(tensor1d(Int32Array.from(labels), 'int32'), classes), 'float32')
  return customGrad((...args: unknown[]) => {
    const [x, save] = args as [Tensor, (saved: Tensor[]) => void]
    const value = tidy(() => mul(neg(sum(mul(logSoftmax(x), targets()))), 1 / rows))
    save([x])
    return {
      value,
      gradFunc: (dy: Tensor, saved: Tensor[]) =>
        tidy(() => mul(sub(softmax(saved[0]!), targets()), mul(dy, 1 / rows))),
    }
  })(logits)
}

/**
 * Mean loss of predicting each label from the tokens before it. Only rows whose next label counts meet the head, so that
 * a large vocabulary costs memory for answers, not for prompts.
 *
 * @param last hidden states after the final norm of all sequences, one after another: [T, hidden]
 * @param labels per sequence one label for each token, `IGNORED` where none counts
 */
export function nextTokenLoss(
  model: Qwen2,
  last: Tensor,
  labels: readonly (Int32Array | readonly number[])[],
): Tensor {
  const tokens = labels.reduce((total, row) => total + row.length, 0)
  if (last.shape[0] !== tokens) {
    throw new InvalidArgumentError(`nextTokenLoss: ${tokens} labels for ${last.shape[0]} tokens`)
  }
  const rows: number[] = []
  const targets: number[] = []
  let start = 0
  for (const sequence of labels) {
    for (let i = 1; i < sequence.length; i++) {
      if (sequence[i] === IGNORED) continue
      rows.push(start + i - 1)
      targets.push(sequence[i]!)
    }
    start += sequence.length
  }
  if (rows.length === 0) {
    throw new InvalidArgumentError('nextTokenLoss: every label is ignored, so there is nothing to learn')
  }
  return tidy(() => crossEntropy(model.logits(gatherRows(last, rows)), targets))
}
