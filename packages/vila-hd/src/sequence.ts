// What the language model reads, in plain arrays: runs of token ids, and pictures by their numbers in between
// (_embed and get_user_prompt_end_id_pos of NVlabs/VILA llava_arch.py).

import { IGNORED } from '@ps3js/language-model'
import { InvalidArgumentError } from '@ps3js/tensor'

/** A run of text, or a picture by its number. */
export type Segment = { readonly ids: readonly number[] } | { readonly picture: number }

/**
 * Cuts token ids at the tags that stand for pictures; the n-th tag is picture n.
 *
 * @throws InvalidArgumentError when there are not as many tags as pictures
 */
export function buildSequence(
  ids: Int32Array | readonly number[],
  { imageTokenId, pictures }: { imageTokenId: number; pictures: number },
): Segment[] {
  const tags = [...ids].filter((id) => id === imageTokenId).length
  if (tags !== pictures) {
    throw new InvalidArgumentError(
      `${tags} picture tags for ${pictures} pictures: every picture needs one tag in the text, and every tag a picture`,
    )
  }
  const segments: Segment[] = []
  let run: number[] = []
  const endRun = () => {
    if (run.length > 0) segments.push({ ids: run })
    run = []
  }
  let picture = 0
  for (const id of ids) {
    if (id !== imageTokenId) run.push(id)
    else {
      endRun()
      segments.push({ picture: picture++ })
    }
  }
  endRun()
  return segments
}

/** How many rows the language model reads; `pictureRows` counts a picture's, with what ends it. */
export function countRows(segments: readonly Segment[], pictureRows: (picture: number) => number): number {
  return segments.reduce(
    (sum, segment) => sum + ('ids' in segment ? segment.ids.length : pictureRows(segment.picture)),
    0,
  )
}

/**
 * Labels of a sequence's rows from those of its token ids: a picture's rows count for nothing.
 *
 * @param labels one for each token id that the segments were built from, tags included; `IGNORED` counts for nothing
 */
export function alignLabels(
  segments: readonly Segment[],
  labels: Int32Array | readonly number[],
  pictureRows: (picture: number) => number,
): Int32Array {
  const ids = countRows(segments, () => 1)
  if (labels.length !== ids) {
    throw new InvalidArgumentError(`${labels.length} labels for ${ids} token ids: one each is needed`)
  }
  const rows = new Int32Array(countRows(segments, pictureRows)).fill(IGNORED)
  let [from, to] = [0, 0]
  for (const segment of segments) {
    if ('ids' in segment) {
      for (let i = 0; i < segment.ids.length; i++) rows[to++] = labels[from++]!
    } else {
      from++
      to += pictureRows(segment.picture)
    }
  }
  return rows
}

/**
 * Where the last question's text lies: behind the last picture or answer, up to what the chat template writes after it; to
 * the end where no such mark is. (The reference looks for the first mark, as it answers single questions only.)
 */
export function questionRange(
  ids: Int32Array | readonly number[],
  {
    imageTokenId,
    promptStartIds = [],
    promptEndIds,
  }: { imageTokenId: number; promptStartIds?: readonly number[]; promptEndIds: readonly number[] },
): [start: number, end: number] {
  const end = lastMark(ids, promptEndIds, ids.length) ?? ids.length
  const [mark, turn] = [promptStartIds, promptEndIds].map((one) => lastMark(ids, one, end))
  const behindMark = mark === undefined ? 0 : mark + promptStartIds.length
  const behindTurn = Math.max(behindMark, turn === undefined ? 0 : turn + promptEndIds.length)
  const behindPicture = ids.lastIndexOf(imageTokenId, end - 1) + 1
  return [Math.min(end, Math.max(behindTurn, behindPicture)), end]
}

/** Where the last mark before `end` begins. */
function lastMark(
  ids: Int32Array | readonly number[],
  mark: readonly number[],
  end: number,
): number | undefined {
  for (let at = end - mark.length; mark.length > 0 && at > 0; at--) {
    if (mark.every((id, i) => ids[at + i] === id)) return at
  }
  return undefined
}
