// Long synchronous work in steps: now and then the event loop runs, and a cancel is noticed.

/** Milliseconds of work between two pauses: below what people notice, and long enough for a pause to cost nothing. */
const SLICE = 30

/** Node's way past a timer, which waits a millisecond at least; browsers have none. */
const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => unknown }
const pause = () => new Promise<void>((resolve) => (setImmediate ?? setTimeout)(resolve))

/** Runs to the end and returns its value. Throws the signal's reason when it aborts, after the steps have cleaned up. */
export async function runSteps<T>(steps: Generator<void, T>, signal?: AbortSignal): Promise<T> {
  let started = performance.now()
  try {
    for (;;) {
      signal?.throwIfAborted()
      const step = steps.next()
      if (step.done) return step.value
      if (performance.now() - started < SLICE) continue
      await pause()
      started = performance.now()
    }
  } finally {
    steps.return(undefined as never)
  }
}
