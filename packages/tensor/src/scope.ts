// Tensors across `await`, where tfjs's tidy cannot follow: a scope owns what is not kept.
import { engine, Tensor, type TensorContainer } from '@tensorflow/tfjs-core'

// Node 20 and older browsers lack the symbol that `using` calls; compilers that lower `using` look for this one.
const disposeSymbol: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose')
if (!Symbol.dispose) Object.defineProperty(Symbol, 'dispose', { value: disposeSymbol })

interface Disposable {
  dispose(): void
}

/**
 * Disposes on exit what was tracked and not kept, also when the block throws:
 *
 * ```ts
 * using scope = new TensorScope()
 * const hidden = scope.track(encode(image))
 * const probs = scope.track(score(hidden))
 * await tensorData(probs)
 * return scope.keep(hidden)
 * ```
 */
export class TensorScope {
  #owned = new Set<Disposable>()

  /** Takes ownership of a tensor, of every tensor in a container, or of anything with `dispose()`. */
  track<T>(value: T): T {
    for (const owned of disposables(value)) this.#owned.add(owned)
    return value
  }

  /** Gives ownership back to the caller, who disposes it from now on. */
  keep<T>(value: T): T {
    for (const owned of disposables(value)) this.#owned.delete(owned)
    return value
  }

  /** Runs `work` inside `tidy` and tracks what it returns; its intermediates are gone at once. */
  run<T extends TensorContainer>(work: () => T): T {
    return this.track(engine().tidy(work))
  }

  /** Disposes everything tracked, latest first; the scope can be used again. */
  dispose(): void {
    const owned = [...this.#owned].reverse()
    this.#owned.clear()
    for (const value of owned) {
      if (!(value instanceof Tensor && value.isDisposed)) value.dispose()
    }
  }

  [disposeSymbol](): void {
    this.dispose()
  }
}

function disposables(value: unknown, seen = new Set<unknown>()): Disposable[] {
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value) || seen.has(value)) return []
  seen.add(value)
  if (typeof (value as Partial<Disposable>).dispose === 'function') return [value as Disposable]
  return Object.values(value).flatMap((item) => disposables(item, seen))
}
