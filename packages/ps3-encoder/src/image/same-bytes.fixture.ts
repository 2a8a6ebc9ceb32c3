// Comparing pictures in tests: quicker than `toEqual` on millions of bytes.

/** Whether both hold the same numbers in the same order. */
export function sameBytes(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
