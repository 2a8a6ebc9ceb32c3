// Generation: batches say what each prompt says alone, caches hold what they should, and every way out frees everything.
import {
  dispose,
  mean,
  memory,
  slice,
  type Tensor,
  tensor,
  tensorData,
  tidy,
  useBackend,
} from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectNoLeak, largestDifference } from '../../../../tools/test-support.ts'
import {
  cacheBytesPerToken,
  type GenerateOptions,
  generate,
  KeyValueCache,
  prefill,
  type Qwen2,
} from '../index.ts'
import { smallModel } from '../recorded.fixture.ts'

beforeAll(() => useBackend('wasm'))

const PROMPTS = [[3, 14, 15, 9, 2, 6], [5], [8, 9, 7, 9, 3, 2, 3, 8, 4, 6, 2, 6, 4], [3, 1, 4]]

async function answers(model: Qwen2, prompts: number[][], options: GenerateOptions): Promise<number[][]> {
  const got: number[][] = prompts.map(() => [])
  const parts = prompts.map((prompt) => ({ prompt }))
  for await (const { sequence, id } of generate(model, parts, options)) got[sequence]!.push(id)
  return got
}

describe('a batch of different lengths', () => {
  it.each<GenerateOptions>([
    { maxTokens: 20 },
    { maxTokens: 20, stopIds: [1, 2, 3, 4, 5, 6, 7, 8] },
    { maxTokens: 20, temperature: 1, topK: 20, topP: 0.9, repetitionPenalty: 1.3, seed: 5 },
    { maxTokens: 5, chunkTokens: 3 },
  ])('says what each says alone: %o', async (options) => {
    await expectNoLeak(async () => {
      const model = smallModel()
      const together = await answers(model, PROMPTS, options)
      for (const [i, prompt] of PROMPTS.entries()) {
        const seed = (options.seed ?? 0) + i
        expect((await answers(model, [prompt], { ...options, seed }))[0]).toEqual(together[i])
      }
      const stops = options.stopIds ?? []
      for (const ids of together) {
        expect(ids.slice(0, -1).some((id) => stops.includes(id))).toBe(false)
        expect(ids.length === options.maxTokens || stops.includes(ids.at(-1)!)).toBe(true)
      }
      model.dispose()
    })
  })

  it('differs by seed', async () => {
    const model = smallModel()
    const options = { maxTokens: 12, temperature: 1.5 }
    const [a] = await answers(model, [[3]], { ...options, seed: 1 })
    const [b] = await answers(model, [[3]], { ...options, seed: 2 })
    expect(a).not.toEqual(b)
    model.dispose()
  })
})

describe('the cache', () => {
  it('gives the same however the tokens came in: whole, in chunks, cut back, forked, over the long part', async () => {
    await expectNoLeak(async () => {
      const model = smallModel()
      const ids = Array.from({ length: 300 }, (_, i) => (i * 7) % 50)
      const whole = tidy(() => {
        const { last } = model.forward(model.embed(ids), [{ length: 300 }])
        return slice(last, [299, 0], [1, -1])
      })
      const want = await tensorData(whole)
      const check = async (last: Tensor) => {
        // States of order 1, summed in another order.
        expect(largestDifference(await tensorData(last), want)).toBeLessThan(1e-4)
        last.dispose()
      }
      const past = new KeyValueCache(model.config)
      await check(await prefill(model, [{ prompt: ids, past }]))
      expect(past.length).toBe(300)
      past.truncate(280)
      await check(await prefill(model, [{ prompt: ids.slice(280), past }], { chunkTokens: 7 }))
      past.truncate(20)
      const fork = past.fork()
      dispose(await prefill(model, [{ prompt: [1, 2, 3], past: fork }]))
      await check(await prefill(model, [{ prompt: ids.slice(20), past }], { chunkTokens: 100 }))
      expect(fork.length).toBe(23)
      expect(past.length).toBe(300)
      fork.dispose()
      past.dispose()
      dispose(whole)
      model.dispose()
    })
  })

  it('gives the mean of the last states where asked for, whole and in chunks', async () => {
    await expectNoLeak(async () => {
      const model = smallModel()
      const ids = Array.from({ length: 40 }, (_, i) => (i * 7) % 50)
      const whole = tidy(() => {
        const { last } = model.forward(model.embed(ids), [{ length: 40 }])
        return mean(slice(last, [27, 0], [13, -1]), 0, true)
      })
      const want = await tensorData(whole)
      for (const chunkTokens of [512, 9]) {
        const past = new KeyValueCache(model.config)
        const state = await prefill(model, [{ prompt: ids, past }], { chunkTokens, meanOver: 13 })
        expect(largestDifference(await tensorData(state), want)).toBeLessThan(1e-4)
        past.dispose()
        dispose(state)
      }
      const past = new KeyValueCache(model.config)
      await expect(prefill(model, [{ prompt: [1, 2], past }], { meanOver: 3 })).rejects.toThrow('2 tokens')
      dispose(whole)
      model.dispose()
    })
  })

  it('takes the stated bytes per token', async () => {
    const model = smallModel()
    const past = new KeyValueCache(model.config)
    const before = memory().numBytes
    dispose(await prefill(model, [{ prompt: [1, 2, 3, 4], past }]))
    expect(memory().numBytes - before).toBe(4 * cacheBytesPerToken(model.config))
    past.dispose()
    model.dispose()
  })

  it('belongs to the caller when it is passed in', async () => {
    const model = smallModel()
    const past = new KeyValueCache(model.config)
    const ids: number[] = []
    for await (const { id } of generate(model, [{ prompt: PROMPTS[0]!, past }], { maxTokens: 3 }))
      ids.push(id)
    // The last token was never read.
    expect(past.length).toBe(PROMPTS[0]!.length + 2)
    for await (const { id } of generate(model, [{ prompt: [ids[2]!], past }], { maxTokens: 3 })) ids.push(id)
    expect(ids).toEqual((await answers(model, [PROMPTS[0]!], { maxTokens: 6 }))[0])
    expect(() => past.truncate(100)).toThrow('first 100 tokens of a cache that holds 11')
    past.dispose()
    model.dispose()
  })
})

describe('ways out', () => {
  it('takes embeddings as well as ids', async () => {
    await expectNoLeak(async () => {
      const model = smallModel()
      const prompt = model.embed(PROMPTS[0]!)
      const ids: number[] = []
      for await (const { id } of generate(model, [{ prompt }], { maxTokens: 6 })) ids.push(id)
      expect(ids).toEqual((await answers(model, [PROMPTS[0]!], { maxTokens: 6 }))[0])
      prompt.dispose()
      model.dispose()
    })
  })

  it('frees everything when the reader stops, and when the signal aborts', async () => {
    const model = smallModel()
    await expectNoLeak(async () => {
      for await (const { index } of generate(model, [{ prompt: [1, 2] }], { maxTokens: 50 }))
        if (index === 2) break
      for (const after of [0, 3]) {
        const controller = new AbortController()
        const reason = new Error('enough')
        const run = async () => {
          if (after === 0) controller.abort(reason)
          const options = { maxTokens: 50, signal: controller.signal }
          for await (const { index } of generate(model, [{ prompt: [1, 2] }], options)) {
            if (index === after) controller.abort(reason)
          }
        }
        await expect(run()).rejects.toBe(reason)
      }
    })
    model.dispose()
  })

  it('refuses what does not fit before any work, and scores that are not numbers', async () => {
    const model = smallModel()
    await expectNoLeak(async () => {
      const run = (prompt: number[] | Tensor, options?: GenerateOptions) =>
        generate(model, [{ prompt }], options).next()
      await expect(run(new Array(1000).fill(1), { maxTokens: 100 })).rejects.toThrow(
        '1000 tokens of prompt and up to 100 of answer are more than the 1024 positions of this model: shorten the prompt, or ask for at most 24',
      )
      await expect(run([])).rejects.toThrow('a prompt is empty')
      await expect(run([1, 50])).rejects.toThrow('token id 50 (at 1 of 2) is not in the vocabulary of 50')
      await expect(run([1], { maxTokens: 0 })).rejects.toThrow('maxTokens is 0')
      await expect(run([1], { topP: 0 })).rejects.toThrow('topP is 0')
      const broken = tensor(new Float32Array(24).fill(Number.NaN), [1, 24])
      await expect(run(broken)).rejects.toThrow('for prompt 0 is NaN')
      const narrow = tensor(new Float32Array(10), [1, 10])
      await expect(run(narrow)).rejects.toThrow('embeddings are [1, 10], expected [1, 24]')
      dispose([broken, narrow])
    })
    model.dispose()
  })
})
