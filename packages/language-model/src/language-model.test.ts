// Texts in, text out: chats, stop strings, pieces that add up, and loading with the makers' settings.
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError, tidy, useBackend } from '@ps3js/tensor'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { expectNoLeak } from '../../../tools/test-support.ts'
import { generate, KeyValueCache, loadLanguageModel, type SequencePart, saveModel } from './index.ts'
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

it('takes the makers’ settings where transformers does', async () => {
  const from = async (files: Record<string, object>) => {
    const folder = await mkdtemp(join(directory, 'settings-'))
    for (const name of [
      'tokenizer.json',
      'tokenizer_config.json',
      'model.safetensors.index.json',
      'config.json',
    ])
      await cp(join(directory, name), join(folder, name))
    for (const name of (await readdir(directory)).filter((one) => one.endsWith('.safetensors')))
      await cp(join(directory, name), join(folder, name))
    for (const [name, json] of Object.entries(files)) {
      const before = name === 'config.json' ? JSON.parse(await readFile(join(folder, name), 'utf8')) : {}
      await writeFile(join(folder, name), JSON.stringify({ ...before, ...json }))
    }
    const language = await loadLanguageModel(folder)
    language.dispose()
    return language
  }
  // Without a file of their own: the configuration's.
  expect((await from({ 'config.json': { eos_token_id: [7, 9] } })).stopIds).toEqual([7, 9, 422])
  const sampling = { 'generation_config.json': { do_sample: true, top_p: 0.95 } }
  expect((await from(sampling)).recommended).toEqual({ temperature: 1, topK: 50, topP: 0.95 })
  const wrong = from({ 'generation_config.json': { temperature: '0.7', eos_token_id: 420 } })
  await expect(wrong).rejects.toThrow(ConfigError)
  await expect(wrong).rejects.toThrow(/generation_config.json is not valid:.*temperature/s)
})

it('refuses what cannot be, and says why', async () => {
  await expectNoLeak(async () => {
    const language = await loadLanguageModel(directory)
    const { model } = language
    await expect(language.completeBatch([])).rejects.toThrow('there is no prompt')
    await expect(language.complete('a', { seed: 1.5 })).rejects.toThrow('seed is 1.5')
    for (const chunkTokens of [Number.NaN, 0, 1.5])
      await expect(language.complete('a', { chunkTokens })).rejects.toThrow(`chunkTokens is ${chunkTokens}`)
    const past = new KeyValueCache(model.config)
    const twice = [1, 2].map((id) => ({ prompt: [id], past }))
    await expect(generate(model, twice).next()).rejects.toThrow('part 1 has the cache of an earlier part')
    const forward = (parts: SequencePart[], hiddenStates: number[] = []) =>
      tidy(() => model.forward(model.embed([1, 2]), parts, { hiddenStates }).last)
    expect(() => forward([{ length: 2 }, { length: 0 }])).toThrow('part 1 has no tokens')
    expect(() => forward([{ length: 2 }], [99])).toThrow('there is no hidden state 99: they are 0 to ')
    language.dispose()
  })
})
