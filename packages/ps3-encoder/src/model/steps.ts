// Long synchronous work in steps: between two of them the event loop runs, and a cancel is noticed.

/** Runs to the end and returns its value. Throws the signal's reason when it aborts, after the steps have cleaned up. */
export async function runSteps<T>(steps: Generator<void, T>, signal?: AbortSignal): Promise<T> {
  try {
    for (;;) {
      signal?.throwIfAborted()
      const step = steps.next()
      if (step.done) return step.value
      await new Promise<void>((resolve) => setTimeout(resolve))
    }
  } finally {
    steps.return(undefined as never)
  }
}
