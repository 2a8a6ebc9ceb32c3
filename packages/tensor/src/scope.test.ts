// Scopes: what is tracked goes, what is kept stays, also when the block throws.
import { beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from './backend/index.ts'
import { TensorScope } from './scope.ts'
import { add, memory, mul, scalar } from './tf.ts'

beforeAll(() => useBackend('cpu'))

describe('TensorScope', () => {
  it('disposes what is tracked and leaves what is kept', async () => {
    const before = memory().numTensors
    const work = async () => {
      using scope = new TensorScope()
      const a = scope.track(scalar(2))
      await Promise.resolve()
      const [sum, product] = scope.run(() => [add(a, 1), mul(add(a, 2), 3)])
      expect(sum!.arraySync()).toBe(3)
      return scope.keep(product!)
    }
    const product = await work()
    expect(product.arraySync()).toBe(12)
    product.dispose()
    expect(memory().numTensors).toBe(before)
  })

  it('disposes when the block throws, and what was disposed already does not matter', async () => {
    const before = memory().numTensors
    const work = async () => {
      using scope = new TensorScope()
      scope.track(scalar(1)).dispose()
      scope.track({ a: scalar(1), more: [scalar(2)] })
      await Promise.resolve()
      throw new Error('on purpose')
    }
    await expect(work()).rejects.toThrow('on purpose')
    expect(memory().numTensors).toBe(before)
  })

  it('owns anything with dispose(), latest first', () => {
    const order: string[] = []
    const scope = new TensorScope()
    scope.track({ dispose: () => order.push('first') } as { dispose(): void })
    scope.track({ dispose: () => order.push('second') } as { dispose(): void })
    scope.dispose()
    scope.dispose()
    expect(order).toEqual(['second', 'first'])
  })
})
