// From scores to the next token, in the order of transformers' logits processors: repetition penalty (Keskar et al.,
// arXiv:1909.05858), temperature, top-k, top-p (Holtzman et al., arXiv:1904.09751), and a draw.

import { InvalidArgumentError, type Random } from '@ps3js/tensor'

export interface SamplingOptions {
  /** Above 0: draw from softmax(logits / temperature). 0, the default: always the likeliest token. */
  temperature?: number
  /** Draw among the k likeliest only (and those equal to the k-th). */
  topK?: number
  /** Draw among the likeliest tokens that together reach this probability, 0..1. */
  topP?: number
  /** Above 1: makes tokens of the prompt and of the answer so far less likely. */
  repetitionPenalty?: number
}

/** A token that may come next, and its probability. */
export interface Candidate {
  id: number
  probability: number
}

/** @throws InvalidArgumentError for an option out of its range. */
export function checkSampling({ temperature, topK, topP, repetitionPenalty }: SamplingOptions): void {
  const check = (name: string, value: number | undefined, fits: (x: number) => boolean, range: string) => {
    if (value === undefined || fits(value)) return
    throw new InvalidArgumentError(`${name} is ${value}; it must be ${range}`)
  }
  check('temperature', temperature, (x) => x >= 0 && x < Number.POSITIVE_INFINITY, 'at least 0')
  check('topK', topK, (x) => Number.isInteger(x) && x >= 1, 'an integer of at least 1')
  check('topP', topP, (x) => x > 0 && x <= 1, 'above 0 and at most 1')
  check('repetitionPenalty', repetitionPenalty, (x) => x > 0 && x < Number.POSITIVE_INFINITY, 'above 0')
}

/**
 * Picks the next token. `logits` may be changed.
 *
 * @param seen ids that the repetition penalty applies to
 */
export function pickToken(
  logits: Float32Array,
  seen: ReadonlySet<number>,
  options: SamplingOptions,
  random: Random,
): number {
  const { temperature = 0, repetitionPenalty = 1 } = options
  if (repetitionPenalty !== 1) penalize(logits, seen, repetitionPenalty)
  if (temperature === 0) return likeliest(logits)
  const candidates = distribution(logits, options)
  let left = random.uniform()
  for (const { id, probability } of candidates) {
    left -= probability
    if (left < 0) return id
  }
  return candidates[candidates.length - 1]!.id
}

/** The tokens that may be drawn, likeliest first (lowest id first among equals); their probabilities add up to 1. */
export function distribution(
  logits: Float32Array,
  { temperature = 1, topK, topP = 1 }: SamplingOptions,
): Candidate[] {
  const largest = logits[likeliest(logits)]!
  const floor = topK === undefined ? Number.NEGATIVE_INFINITY : kthLargest(logits, topK)
  let candidates: Candidate[] = []
  let total = 0
  logits.forEach((logit, id) => {
    if (logit < floor) return
    const probability = Math.exp((logit - largest) / temperature)
    if (probability === 0) return
    candidates.push({ id, probability })
    total += probability
  })
  // Together these are less likely than what top-p leaves out: not worth sorting.
  const negligible = ((1 - topP) * total) / candidates.length
  candidates = candidates.filter(({ probability }) => probability >= negligible)
  candidates.sort((a, b) => b.probability - a.probability || a.id - b.id)
  let reached = 0
  const count = candidates.findIndex(({ probability }) => {
    reached += probability
    return reached >= topP * total
  })
  const kept = count < 0 ? candidates : candidates.slice(0, count + 1)
  const mass = kept.reduce((sum, { probability }) => sum + probability, 0)
  return kept.map(({ id, probability }) => ({ id, probability: probability / mass }))
}

function penalize(logits: Float32Array, seen: ReadonlySet<number>, penalty: number): void {
  for (const id of seen) {
    const logit = logits[id]!
    logits[id] = logit > 0 ? logit / penalty : logit * penalty
  }
}

/** The first of the largest. */
function likeliest(logits: Float32Array): number {
  let best = 0
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i
  return best
}

/** The k-th largest value, through a heap of k values whose smallest is on top. */
function kthLargest(values: Float32Array, k: number): number {
  if (k >= values.length) return Number.NEGATIVE_INFINITY
  const heap = values.slice(0, k).sort()
  for (let i = k; i < values.length; i++) {
    if (values[i]! > heap[0]!) replaceSmallest(heap, values[i]!)
  }
  return heap[0]!
}

function replaceSmallest(heap: Float32Array, value: number): void {
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++
    if (child >= heap.length || heap[child]! >= value) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = value
}
