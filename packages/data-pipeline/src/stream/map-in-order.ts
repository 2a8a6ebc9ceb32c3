// Work on several items at a time, results in the order of the items: a bounded queue between a reader and its consumer.

export interface MapOptions {
  /** Items taken from the source and not handed on yet: in work, or done and waiting. */
  ahead: number
  signal?: AbortSignal | undefined
}

/**
 * Applies `work` to every item and yields the results in order. Goes on reading and working while the consumer is busy,
 * up to `ahead` items. However it ends, the source is closed and no work is left running: the signal that `open` is
 * given ends a read that hangs.
 */
export async function* mapInOrder<T, R>(
  open: (signal: AbortSignal) => AsyncIterable<T>,
  work: (item: T) => Promise<R>,
  { ahead, signal }: MapOptions,
): AsyncGenerator<R> {
  const stop = new AbortController()
  const iterator = open(signal ? AbortSignal.any([signal, stop.signal]) : stop.signal)[Symbol.asyncIterator]()
  const queue: Promise<IteratorResult<R, undefined>>[] = []
  let wake = () => {}
  const changed = () => {
    wake()
    return new Promise<void>((resolve) => {
      wake = resolve
    })
  }
  const push = (result: Promise<IteratorResult<R, undefined>>) => {
    // A failure is heard when its turn comes; until then it must not count as unheard.
    result.catch(() => {})
    queue.push(result)
    wake()
  }
  const read = async () => {
    try {
      while (!stop.signal.aborted) {
        if (queue.length >= ahead) {
          await changed()
          continue
        }
        const next = await iterator.next()
        if (next.done) return push(Promise.resolve({ done: true, value: undefined }))
        push(work(next.value).then((value) => ({ done: false, value })))
      }
    } catch (error) {
      push(Promise.reject(error))
    }
  }
  const reading = read()
  try {
    for (;;) {
      if (queue.length === 0) {
        await changed()
        continue
      }
      const result = await queue[0]!
      signal?.throwIfAborted()
      queue.shift()
      wake()
      if (result.done) return
      yield result.value
    }
  } finally {
    stop.abort()
    wake()
    await reading
    await Promise.allSettled(queue)
    await iterator.return?.().catch(() => {})
  }
}
