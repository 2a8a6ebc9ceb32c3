// What a replay says: every output's largest error beside its tolerance.

export interface OutputReport {
  name: string
  /** Largest absolute difference; Infinity when the output is missing, unreadable, mis-shaped or not a number. */
  maxAbs: number
  tolerance: number
  ok: boolean
  /** Why, where the number does not say it. */
  detail?: string
}

export interface CaseReport {
  name: string
  ok: boolean
  /** Why this case differs from the reference on purpose. */
  departs?: string
  outputs: OutputReport[]
}

export interface VerifyReport {
  ok: boolean
  cases: CaseReport[]
}

/** Compares numbers element by element; a length that differs, or a NaN that is not wanted, is an infinite error. */
export function compare(
  name: string,
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  tolerance: number,
): OutputReport {
  if (got.length !== want.length) {
    const detail = `${got.length} values where ${want.length} were recorded`
    return { name, maxAbs: Number.POSITIVE_INFINITY, tolerance, ok: false, detail }
  }
  let maxAbs = 0
  for (let i = 0; i < want.length; i++) {
    const difference = Math.abs(got[i]! - want[i]!)
    if (!(difference <= maxAbs)) maxAbs = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference
    if (maxAbs === Number.POSITIVE_INFINITY) break
  }
  return { name, maxAbs, tolerance, ok: maxAbs <= tolerance }
}

/** Exact agreement of anything that is no array of numbers, such as counts or texts. */
export function compareExactly(name: string, got: unknown, want: unknown): OutputReport {
  const ok = JSON.stringify(got) === JSON.stringify(want)
  return {
    name,
    maxAbs: ok ? 0 : Number.POSITIVE_INFINITY,
    tolerance: 0,
    ok,
    detail: ok ? undefined : `got ${shorten(got)}, recorded ${shorten(want)}`,
  }
}

/** An output that could not be made at all. */
export function failed(name: string, error: unknown): OutputReport {
  const detail = error instanceof Error ? error.message : String(error)
  return { name, maxAbs: Number.POSITIVE_INFINITY, tolerance: 0, ok: false, detail }
}

/** A case is fine when it has outputs and all of them are. */
export function caseReport(name: string, outputs: OutputReport[], departs?: string): CaseReport {
  const ok = outputs.length > 0 && outputs.every((output) => output.ok)
  return departs === undefined ? { name, ok, outputs } : { name, ok, departs, outputs }
}

function shorten(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 120 ? `${text.slice(0, 117)}...` : text
}
