// Texts in, text out: chats, stop strings, pieces that add up, and loading with the makers' settings.
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { useBackend } from '@ps3js/tensor'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { expectNoLeak } from '../../../tools/test-support.ts'
import { loadLanguageModel, saveModel } from './index.ts'
import { folderOf, smallModel } from './recorded.fixture.ts'

let directory: string

beforeAll(async () => {
  await useBackend('wasm')
  directory = await mkdtemp(join(tmpdir(), 'ps3-language-model-'))
  await cp(folderOf('tokenizer'), directory, { recursive: true })
  const model = smallModel({ vocabSize: 424 })
  await saveModel(model, directory, { maxShardBytes: 30_000 })
  model.dispose()
  const generation = {
    do_sample: true,
    temperature: 0.7,
    top_k: 20,
    top_p: 0.8,
    repetition_penalty: 1.1,
    eos_token_id: [420, 422],
  }
  await writeFile(join(directory, 'generation_config.json'), JSON.stringify(generation))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

it('answers texts and chats, alone and together', async () => {
  await expectNoLeak(async () => {
    const language = await loadLanguageModel(directory)
    expect(language.stopIds).toEqual([420, 422])
    expect(language.recommended).toEqual({ temperature: 0.7, topK: 20, topP: 0.8, repetitionPenalty: 1.1 })
    const chat = [{ role: 'user', content: 'What does the small sign say?' }]
    const prompts = ['The sign', chat, 'A picture of']
    const options = { maxTokens: 15, ...language.recommended }
    const together = await language.completeBatch(prompts, options)
    for (const [i, prompt] of prompts.entries()) {
      expect(await language.complete(prompt, { ...options, seed: i })).toEqual(together[i])
      expect(together[i]!.text).toBe(language.tokenizer.decode(together[i]!.ids))
    }
    // A stop string cuts the same answer.
    const [full] = together
    const stop = full!.text.slice(4, 6)
    const cut = await language.complete(prompts[0]!, { ...options, stop: [stop] })
    expect(cut).toMatchObject({ text: full!.text.slice(0, full!.text.indexOf(stop)), finish: 'stop' })
    await expect(language.complete('')).rejects.toThrow('a prompt is empty')
    language.dispose()
  })
})
