// Many questions in one pass of the language model. What questions about one picture begin with, its low-res tokens above
// all, is read once, and each goes on from there.

import { IGNORED, type SequencePart } from '@ps3js/language-model'
import { concat, InvalidArgumentError, split, type Tensor, tidy } from '@ps3js/tensor'
import { alignLabels, buildSequence, type PictureTokens, type VilaHd } from '@ps3js/vila-hd'

export interface PackedQuestions {
  /** What the language model reads: [rows, D] */
  rows: Tensor
  /** Beginnings, then one part for each text. */
  parts: SequencePart[]
  /** A label for each row of each part; `IGNORED` where none counts. */
  labels: Int32Array[]
  /** The row behind the last one of each text. */
  ends: number[]
}

/**
 * Texts with one picture tag each; the i-th shows the i-th picture. Pictures whose `low`, or `high`, are the very same tensor
 * are read once.
 * Differentiable. Dispose `rows`.
 *
 * @param texts token ids, and where they count a label for each
 * @throws InvalidArgumentError when a text has not exactly one picture tag
 */
export function packQuestions(
  model: VilaHd,
  texts: readonly { ids: readonly number[]; labels?: readonly number[] }[],
  pictures: readonly PictureTokens[],
): PackedQuestions {
  const { imageTokenId, pictureEndIds } = model.config
  const beginnings: { ids: readonly number[]; low: Tensor | null; high: Tensor | null }[] = []
  const rowsOf = ({ ids, low, high }: (typeof beginnings)[number]) =>
    ids.length + (low?.shape[0] ?? 0) + (high?.shape[0] ?? 0)
  const isShared = (high: Tensor | null) => pictures.filter((one) => one.high === high).length > 1
  const goOn = texts.map(({ ids, labels = ids.map(() => IGNORED) }, i) => {
    const { low, high } = pictures[i]!
    const segments = buildSequence(ids, { imageTokenId, pictures: 1 })
    const tag = ids.indexOf(imageTokenId)
    const begins = { ids: ids.slice(0, tag), low, high: isShared(high) ? high : null }
    const same = beginnings.findIndex(
      (one) => one.low === low && one.high === begins.high && one.ids.join() === begins.ids.join(),
    )
    const rows = alignLabels(segments, labels, () => model.pictureRows(pictures[i]!))
    return {
      after: same < 0 ? beginnings.push(begins) - 1 : same,
      high: begins.high ? null : high,
      ids: [...pictureEndIds, ...ids.slice(tag + 1)],
      labels: rows.slice(rowsOf(begins)),
    }
  })
  const begun = beginnings.map(rowsOf)
  // A beginning without a row would be no part.
  const isEmpty = begun.some((length) => length === 0)
  if (isEmpty)
    throw new InvalidArgumentError(
      'a question begins with its picture, which is left out: nothing goes before it',
    )
  const parts: SequencePart[] = [
    ...begun.map((length) => ({ length })),
    ...goOn.map(({ after, labels }) => ({ length: labels.length, after })),
  ]
  const ends: number[] = []
  let end = begun.reduce((sum, length) => sum + length, 0)
  for (const { labels } of goOn) {
    end += labels.length
    ends.push(end)
  }
  const rows = tidy(() => {
    const runs = [...beginnings, ...goOn].map(({ ids }) => ids)
    // One look-up for all text: its gradient is a whole table.
    const lengths = runs.map(({ length }) => length)
    const text = split(model.llm.embed(runs.flat()), lengths, 0) as Tensor[]
    return concat(
      [
        ...beginnings.flatMap(({ low, high }, i) => [
          ...(lengths[i]! > 0 ? [text[i]!] : []),
          ...(low ? [low] : []),
          ...(high ? [high] : []),
        ]),
        ...goOn.flatMap(({ high }, i) => [...(high ? [high] : []), text[beginnings.length + i]!]),
      ],
      0,
    )
  })
  const labels = [
    ...begun.map((length) => new Int32Array(length).fill(IGNORED)),
    ...goOn.map(({ labels }) => labels),
  ]
  return { rows, parts, labels, ends }
}
