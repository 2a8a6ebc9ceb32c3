// Reading a tensor's values without blocking, on every backend.
import type { DataTypeMap, NumericDataType, Tensor } from '@tensorflow/tfjs-core'

/**
 * The values of a tensor, row-major. Never `dataSync`: WebGPU has no synchronous read. Rejects with the
 * signal's reason when it aborts first; the copy under way is then dropped.
 */
export async function tensorData<D extends NumericDataType = 'float32'>(
  tensor: Tensor,
  { signal }: { signal?: AbortSignal } = {},
): Promise<DataTypeMap[D]> {
  signal?.throwIfAborted()
  const reading = tensor.data<D>()
  if (!signal) return reading
  let stop: () => void = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([reading, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
