// The decoder against recorded outputs of transformers, on every backend.
import { dispose, Tape, type Tensor, tensorData, tidy, useBackend } from '@ps3js/tensor'
import { beforeAll, expect, it } from 'vitest'
import { BACKENDS } from '../../../../tools/backends.ts'
import { expectNoLeak, largestDifference } from '../../../../tools/test-support.ts'
import { generate, KeyValueCache, nextTokenLoss, prefill, type SequencePart } from '../index.ts'
import { loadRecorded, RECORDED, readRecorded } from '../recorded.fixture.ts'

// Logits up to 20 and hidden states up to 10 through three float32 layers: the noise floor is about 1e-5.
const TOLERANCE = 2e-4

for (const [backend, describeBackend] of BACKENDS) {
  describeBackend(`recorded outputs on ${backend}`, () => {
    beforeAll(() => useBackend(backend))

    it.each(RECORDED)('%s: hidden states and logits', async (name) => {
      const recorded = await readRecorded(name)
      await expectNoLeak(async () => {
        const model = await loadRecorded(name)
        const ids = await recorded.rows('ids')
        const outputs = tidy(() => {
          const parts = ids.map(({ length }) => ({ length }))
          const { last, hiddenStates } = model.forward(model.embed(ids.flat()), parts, {
            hiddenStates: [0, 1, 2],
          })
          return { ...Object.fromEntries(hiddenStates), 3: last, logits: model.logits(last) }
        })
        for (const [key, output] of Object.entries(outputs) as [string, Tensor][]) {
          const want = await recorded.read(key === 'logits' ? key : `hidden.${key}`)
          expect(largestDifference(await tensorData(output), want), key).toBeLessThan(TOLERANCE)
        }
        dispose(Object.values(outputs))
        model.dispose()
      })
    })

    it.each(RECORDED)('%s: a shorter sequence beside a longer one', async (name) => {
      const recorded = await readRecorded(name)
      const model = await loadRecorded(name)
      const mask = await recorded.rows('attention_mask')
      const ids = (await recorded.rows('ids')).map((row, i) => row.filter((_, t) => mask[i]![t] === 1))
      const logits = tidy(() => {
        const parts = ids.map(({ length }) => ({ length }))
        return model.logits(model.forward(model.embed(ids.flat()), parts).last)
      })
      const want = (await recorded.rows('logits_masked')).filter((_, row) => mask.flat()[row] === 1)
      expect(largestDifference(await tensorData(logits), want.flat())).toBeLessThan(TOLERANCE)
      logits.dispose()
      model.dispose()
    })

    it.each(RECORDED)('%s: greedy ids', async (name) => {
      const recorded = await readRecorded(name)
      await expectNoLeak(async () => {
        const model = await loadRecorded(name)
        const ids = await recorded.rows('ids')
        const got: number[][] = ids.map(() => [])
        const parts = ids.map((prompt) => ({ prompt }))
        for await (const { sequence, id } of generate(model, parts, { maxTokens: 12 }))
          got[sequence]!.push(id)
        expect(got).toEqual(await recorded.rows('greedy_ids'))
        model.dispose()
      })
    })

    it.each(RECORDED)('%s: logits of the same tokens, one by one after a prompt in chunks', async (name) => {
      const recorded = await readRecorded(name)
      await expectNoLeak(async () => {
        const model = await loadRecorded(name)
        const [prompt] = await recorded.rows('ids')
        const [greedy] = await recorded.rows('greedy_ids')
        const want = (await recorded.rows('greedy_logits')).slice(0, greedy!.length)
        const past = new KeyValueCache(model.config)
        let last = await prefill(model, [{ prompt: prompt!, past }], { chunkTokens: 5 })
        for (const [step, id] of greedy!.entries()) {
          const logits = tidy(() => model.logits(last))
          expect(largestDifference(await tensorData(logits), want[step]!), `step ${step}`).toBeLessThan(
            TOLERANCE,
          )
          dispose([logits, last])
          last = await prefill(model, [{ prompt: [id], past }])
        }
        dispose([last])
        past.dispose()
        model.dispose()
      })
    })

    // Sequences as they are, and cut into parts of which the second follows the first.
    it.each(RECORDED.flatMap((name) => [0, 3].map((cut) => [name, cut] as const)))(
      '%s, cut after %i tokens: loss and gradients',
      async (name, cut) => {
        const recorded = await readRecorded(name)
        await expectNoLeak(async () => {
          const model = await loadRecorded(name)
          const ids = await recorded.rows('ids')
          const labels = await recorded.rows('labels')
          const tape = new Tape()
          const loss = tape.record(() => {
            const parts = ids.flatMap(({ length }, i) =>
              cut > 0 ? [{ length: cut }, { length: length - cut, after: 2 * i }] : [{ length }],
            )
            return nextTokenLoss(model, model.forward(model.embed(ids.flat()), parts).last, labels)
          })
          // A mean of 15 terms of size 10.
          expect(largestDifference(await tensorData(loss), await recorded.read('loss'))).toBeLessThan(1e-4)
          const wanted = recorded.names.filter((tensor) => tensor.startsWith('grad.'))
          const parameters = model.stateDict()
          const gradients = tape.gradients(
            [{ y: loss }],
            wanted.map((tensor) => parameters[tensor.slice('grad.'.length)]!),
          )
          expect(wanted.length).toBeGreaterThan(12)
          for (const [i, tensor] of wanted.entries()) {
            const want = await recorded.read(tensor)
            const scale = want.reduce((most, value) => Math.max(most, Math.abs(value)), 1)
            const difference = largestDifference(await tensorData(gradients[i]!), want)
            expect(difference, tensor).toBeLessThan(TOLERANCE * scale)
          }
          dispose([loss, ...(gradients as Tensor[])])
          model.dispose()
        })
      },
    )

    it('several parts follow one, each on its own', async () => {
      await expectNoLeak(async () => {
        const model = await loadRecorded(RECORDED[0]!)
        const [first, ...others] = [
          [5, 3, 8, 1],
          [7, 2],
          [9, 4, 6],
        ] as const
        const states = (ids: readonly number[], parts: SequencePart[]) =>
          tidy(() => model.forward(model.embed(ids), parts).last)
        const together = states([first, ...others].flat(), [
          { length: 4 },
          { length: 2, after: 0 },
          { length: 3, after: 0 },
        ])
        const found = await tensorData(together)
        const width = model.config.hiddenSize
        let row = first.length
        for (const other of others) {
          const alone = states([...first, ...other], [{ length: first.length + other.length }])
          const want = (await tensorData(alone)).slice(first.length * width)
          expect(largestDifference(found.slice(row * width, row * width + want.length), want)).toBeLessThan(
            1e-5,
          )
          row += other.length
          dispose(alone)
        }
        for (const after of [1, 2]) {
          expect(() =>
            states(
              [5, 3, 8],
              [
                { length: 1, after: 0 },
                { length: 2, after },
              ],
            ),
          ).toThrow('that must be an earlier one')
        }
        dispose(together)
        model.dispose()
      })
    })
  })
}
