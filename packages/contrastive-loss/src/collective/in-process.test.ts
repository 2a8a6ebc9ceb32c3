// The collectives: what each gives, and that nobody waits for a worker that is gone.
import { type Tensor, TensorScope, tensor1d, tensorData, useBackend } from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { type Collective, runWorkers, singleProcess } from '../index.ts'

beforeAll(() => useBackend('cpu'))

/** Runs one exchange of a small tensor that tells its worker, and reads what came. */
async function exchange(
  collective: Collective,
  call: (x: Tensor) => Promise<Tensor | Tensor[]>,
): Promise<number[][]> {
  using scope = new TensorScope()
  const came = scope.track([await call(scope.track(tensor1d([collective.rank, 10])))].flat())
  return Promise.all(came.map(async (one) => [...(await tensorData(one))]))
}

describe('in-process workers', () => {
  it('exchange with all, sum over all, and with neighbours', async () => {
    await expectNoLeak(async () => {
      const seen = await runWorkers(3, async (collective) => ({
        gathered: await exchange(collective, collective.allGather),
        summed: await exchange(collective, collective.allReduce),
        shifted: await exchange(collective, collective.shift),
      }))
      seen.forEach(({ gathered, summed, shifted }, rank) => {
        expect(gathered).toEqual([
          [0, 10],
          [1, 10],
          [2, 10],
        ])
        expect(summed).toEqual([[3, 30]])
        expect(shifted).toEqual([[(rank + 2) % 3, 10]])
      })
    })
  })

  it('are, alone, what the single process is', async () => {
    await expectNoLeak(async () => {
      const calls = ['allGather', 'allReduce', 'shift'] as const
      for (const call of calls) {
        const [alone] = await runWorkers(1, (collective) => exchange(collective, collective[call]))
        expect(alone).toEqual(await exchange(singleProcess, singleProcess[call]))
      }
    })
  })

  it('pass an error on to those that wait', async () => {
    await expectNoLeak(async () => {
      const broken = runWorkers(3, async (collective) => {
        if (collective.rank === 1) throw new Error('out of pictures')
        await exchange(collective, collective.allReduce)
      })
      await expect(broken).rejects.toThrow('out of pictures')
    })
  })

  it.each([
    [
      'ends early',
      async (c: Collective) => (c.rank > 0 ? exchange(c, c.shift) : []),
      'worker 0 ended while others wait for it',
    ],
    [
      'calls something else',
      (c: Collective) => exchange(c, c.rank > 0 ? c.shift : c.allReduce),
      'worker 0 calls allReduce of [2], worker 1 shift of [2]',
    ],
    [
      'brings another shape',
      (c: Collective) =>
        exchange(c, async (x) => {
          using scope = new TensorScope()
          return c.allGather(c.rank > 0 ? scope.track(tensor1d([1, 2, 3])) : x)
        }),
      'worker 0 calls allGather of [2], worker 1 allGather of [3]',
    ],
    [
      'does not await',
      (c: Collective) => exchange(c, (x) => Promise.all([c.allReduce(x), c.allReduce(x)])),
      'worker 0 calls allReduce before its last exchange is over',
    ],
  ])('say so when one %s', async (_, work, message) => {
    await expectNoLeak(() => expect(runWorkers<unknown>(2, work)).rejects.toThrow(message))
  })

  it('must be at least one', async () => {
    await expect(runWorkers(0, async () => {})).rejects.toThrow('0 workers')
  })
})
