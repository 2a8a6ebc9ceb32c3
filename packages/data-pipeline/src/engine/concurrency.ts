// Bounded concurrency over streams of items: in order, or as they come.

type Items<T> = AsyncIterable<T> | Iterable<T>

/**
 * Results in the order of the items, with at most `limit` of them under way or waiting to be taken. When one fails, or the
 * consumer stops, those under way are waited for, so that nothing goes on behind.
 */
export async function* mapOrdered<T, R>(
  items: Items<T>,
  limit: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const underWay: Promise<R>[] = []
  try {
    for await (const item of items) {
      const started = work(item)
      // Reported when its turn comes.
      started.catch(() => {})
      underWay.push(started)
      if (underWay.length >= limit) yield await underWay.shift()!
    }
    while (underWay.length > 0) yield await underWay.shift()!
  } finally {
    await Promise.allSettled(underWay)
  }
}

/**
 * Works on at most `limit` items at a time. The first failure aborts the signal that the others were given, and is thrown
 * when they have ended.
 */
export async function forEachConcurrent<T>(
  items: AsyncIterable<T>,
  limit: number,
  signal: AbortSignal | undefined,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController()
  const onAbort = () => stop.abort(signal!.reason)
  signal?.throwIfAborted()
  signal?.addEventListener('abort', onAbort, { once: true })
  const iterator = items[Symbol.asyncIterator]()
  let failure: unknown
  let failed = false
  const worker = async () => {
    try {
      while (!stop.signal.aborted) {
        const next = await iterator.next()
        if (next.done) return
        await work(next.value, stop.signal)
      }
    } catch (error) {
      if (!failed) failure = error
      failed = true
      stop.abort(error)
    }
  }
  try {
    await Promise.all(Array.from({ length: limit }, worker))
  } finally {
    signal?.removeEventListener('abort', onAbort)
    await iterator.return?.()
  }
  signal?.throwIfAborted()
  if (failed) throw failure
}
