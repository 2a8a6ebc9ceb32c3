// The published layout: what is saved loads again and answers the same, and what cannot work is refused at once.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packedLayers } from '@ps3js/language-model'
import { memory, useBackend } from '@ps3js/tensor'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { expectNoLeak } from '../../../tools/test-support.ts'
import { byteTokenizer, picture, tinyAssistant } from '../../../tools/tiny-vila-hd.ts'
import { loadVilaHd, type PictureAssistant, saveVilaHd, vilaHdMemory } from './index.ts'

let directory: string

beforeAll(() => useBackend('wasm'))
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vila-hd-'))
})
afterEach(() => rm(directory, { recursive: true }))

async function save(
  options?: Parameters<typeof tinyAssistant>[0],
  writing: { dtype?: 'BF16' } = {},
): Promise<PictureAssistant> {
  const assistant = tinyAssistant(options)
  await saveVilaHd(assistant, directory, { tokenizer: byteTokenizer(), ...writing })
  return assistant
}

async function ask(assistant: PictureAssistant): Promise<string> {
  using chat = assistant.chat()
  return await chat.answer([picture(1, 100, 80), 'what?'], { maxTokens: 8 })
}

async function editJson(file: string, change: (json: Record<string, unknown>) => void): Promise<void> {
  const json = JSON.parse(await readFile(join(directory, file), 'utf8'))
  change(json)
  await writeFile(join(directory, file), JSON.stringify(json))
}

describe('the published layout', () => {
  it('is written and read back', async () => {
    await expectNoLeak(async () => {
      const config = { looks: 2, lookMode: 'after-image', selectLayer: -1, dynamicAspectRatio: true } as const
      const assistant = await save({ config })
      const loaded = await loadVilaHd(directory)
      try {
        expect(loaded.model.config).toEqual(assistant.model.config)
        expect(loaded.model.config).toMatchObject(config)
        expect(loaded.processor.toJSON()).toEqual(assistant.processor.toJSON())
        expect([...loaded.model.namedParameters()].map(([name]) => name)).toEqual(
          [...assistant.model.namedParameters()].map(([name]) => name),
        )
        // Saved without ends of an answer: the tokenizer's own counts then.
        expect(loaded.stopIds).toEqual([257])
        expect(await ask(loaded)).toBe(await ask(assistant))
      } finally {
        loaded.dispose()
        assistant.dispose()
      }
    })
  })

  it('may be stored in half precision, with progress over all parts', async () => {
    ;(await save({}, { dtype: 'BF16' })).dispose()
    const progress: number[] = []
    const loaded = await loadVilaHd(directory, {
      onWeights: ({ loaded, total }) => void progress.push(loaded / total),
    })
    loaded.dispose()
    expect(progress).toEqual([...progress].sort((a, b) => a - b))
    expect(progress.at(-1)).toBe(1)
  })

  it('takes the projector from the root, and a template that VILA carries itself', async () => {
    ;(await save()).dispose()
    await rm(join(directory, 'mm_projector/config.json'))
    await rm(join(directory, 'llm/chat_template.jinja'))
    await editJson('config.json', (json) => Object.assign(json, { chat_template: 'qwen2' }))
    const { tokenizer, model } = await loadVilaHd(directory)
    expect(tokenizer.renderChat([{ role: 'user', content: 'hi' }])).toBe(
      '<|im_start|>system\nYou are a helpful assistant<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n',
    )
    expect(tokenizer.decode(model.config.promptEndIds, { specialTokens: true })).toBe(
      '<|im_end|>\n<|im_start|>assistant',
    )
    model.dispose()
    await editJson('config.json', (json) => Object.assign(json, { mm_projector_cfg: null }))
    await expectNoLeak(() => expect(loadVilaHd(directory)).rejects.toThrow(/lacks mm_projector_type/))
  })

  it('loses nothing of what was published when it is loaded and saved', async () => {
    ;(await save()).dispose()
    const foreign = { added: 1, nested: { deep: [1, null], é: 'ü' } }
    const files = ['llm/config.json', 'llm/generation_config.json', 'mm_projector/config.json']
    for (const file of files) await editJson(file, (json) => Object.assign(json, foreign))
    await editJson('llm/generation_config.json', (json) =>
      Object.assign(json, { do_sample: true, top_p: 0.8 }),
    )
    await editJson('config.json', (json) => {
      Object.assign(json, foreign, { chat_template: 'qwen2', model_dtype: 'torch.bfloat16' })
      Object.assign(json, { image_encoder: { _target_: 'another', end_tokens: null } })
      Object.assign(json.llm_cfg as object, foreign)
    })
    const first = await loadVilaHd(directory)
    const again = join(directory, 'again')
    await saveVilaHd(first, again, { tokenizer: byteTokenizer() })
    const read = async (folder: string, file: string) =>
      JSON.parse(await readFile(join(folder, file), 'utf8'))
    const { image_encoder, ...root } = await read(directory, 'config.json')
    const { image_encoder: own, ...saved } = await read(again, 'config.json')
    expect(saved).toEqual(root)
    expect(JSON.parse(own)).toEqual({ ...image_encoder, end_tokens: '' })
    const stops = { eos_token_id: [257] }
    for (const file of files) {
      const known = file === 'llm/generation_config.json' ? stops : {}
      expect(await read(again, file), file).toEqual({ ...(await read(directory, file)), ...known })
    }
    const second = await loadVilaHd(again)
    expect(second.recommended).toEqual({ temperature: 1, topK: 50, topP: 0.8 })
    expect(second.model.config).toEqual(first.model.config)
    const question = [{ role: 'user', content: 'hi' }]
    expect(second.tokenizer.renderChat(question)).toBe(first.tokenizer.renderChat(question))
    first.dispose()
    second.dispose()
  })

  it.each([
    ['mm_vision_select_layer', -9, /-9; the vision tower has layers -1 \(the last\) to -3/],
    ['mm_vision_select_feature', 'patch', /only "cls_patch" is supported/],
    ['look_close_mode', 'sideways', /look_close_mode/],
    ['num_look_close', -1, /num_look_close/],
    ['image_aspect_ratio', 'pad', /only "resize" is supported/],
    ['image_encoder', '{', /image_encoder is not JSON/],
    ['chat_template', 'mistral', /only "qwen2" is known/],
  ])('refuses %s: %s', async (field, value, message) => {
    ;(await save()).dispose()
    await editJson('config.json', (json) => Object.assign(json, { [field]: value }))
    await expectNoLeak(() => expect(loadVilaHd(directory)).rejects.toThrow(message))
  })

  it('names the file of damaged weights and of parts that do not fit', async () => {
    ;(await save()).dispose()
    const damage = async (part: string, change: (bytes: Buffer) => Buffer, message: RegExp) => {
      const path = join(directory, part, 'model.safetensors')
      const bytes = await readFile(path)
      await writeFile(path, change(Buffer.from(bytes)))
      await expectNoLeak(() => expect(loadVilaHd(directory)).rejects.toThrow(message))
      await writeFile(path, bytes)
    }
    const notFinite = (bytes: Buffer) => bytes.fill(0xff, bytes.length - 400)
    await damage('mm_projector', notFinite, /mm_projector.*holds NaN or infinite values/)
    await damage('vision_tower', notFinite, /vision_tower.*holds NaN or infinite values/)
    await damage('llm', notFinite, /llm.*holds NaN or infinite values/)
    await damage('mm_projector', (bytes) => bytes.subarray(0, 1000), /mm_projector/)
    await editJson('llm/config.json', (json) => Object.assign(json, { hidden_size: 32 }))
    await expectNoLeak(() => expect(loadVilaHd(directory)).rejects.toThrow(/does not fit this model/))
  })

  it('says that a tokenizer without the tag of pictures belongs to another model', async () => {
    ;(await save()).dispose()
    const bare = byteTokenizer() as {
      tokenizer: { added_tokens: unknown[]; model: { vocab: Record<string, number> } }
    }
    bare.tokenizer.added_tokens.pop()
    delete bare.tokenizer.model.vocab['<image>']
    await writeFile(join(directory, 'llm/tokenizer.json'), JSON.stringify(bare.tokenizer))
    await expectNoLeak(() => expect(loadVilaHd(directory)).rejects.toThrow(/no token <image>/))
  })
})

describe('memory', () => {
  /** NVILA-8B's language model and the 4K tower. */
  const big = {
    llm: {
      ...{ model_type: 'qwen2', vocab_size: 151_648, hidden_size: 3584, intermediate_size: 18_944 },
      ...{ num_hidden_layers: 28, num_attention_heads: 28, num_key_value_heads: 4 },
      ...{ torch_dtype: 'bfloat16', rope_theta: 1e6 },
    },
    vision_tower: {
      ...{ model_type: 'ps3_vision_model', model_name: 'vit_so400m_patch14_siglip_378', pool: 'map' },
      ps3_scales: [378, 756, 1512, 3780],
      max_select_num: 2560,
    },
  }

  it('of an 8 B model is computed and refused before anything but configurations is read', async () => {
    ;(await save()).dispose()
    await writeFile(join(directory, 'llm/config.json'), JSON.stringify(big.llm))
    await writeFile(join(directory, 'vision_tower/config.json'), JSON.stringify(big.vision_tower))
    await rm(join(directory, 'vision_tower/trunk.json'))
    await rm(join(directory, 'llm/model.safetensors'))
    await rm(join(directory, 'vision_tower/model.safetensors'))
    const before = memory().numTensors
    await expect(loadVilaHd(directory, { availableBytes: 16e9 })).rejects.toThrow(
      /takes 3\d\.\d GB of memory, and 16\.0 GB are free: 30\.5 GB for the language model's weights, \d\.\d GB for the vision tower's and 0\.5 GB for keys and values of 4096 tokens/,
    )
    // With enough of it the weights are asked for, and packed they need half.
    await expect(loadVilaHd(directory, { availableBytes: 64e9 })).rejects.toThrow(/model\.safetensors/)
    const layers = packedLayers('bf16')
    await expect(loadVilaHd(directory, { layers, availableBytes: 16e9 })).rejects.toThrow(
      / 15\.2 GB for the language/,
    )
    await expect(loadVilaHd(directory, { layers, availableBytes: 24e9 })).rejects.toThrow(
      /model\.safetensors/,
    )
    expect(memory().numTensors).toBe(before)
  })

  it('counts every weight', async () => {
    const { model } = await save()
    const { llm, vision_tower } = model
    const { languageModel, visionTower, cache, tokens, total } = vilaHdMemory(llm.config, vision_tower.config)
    expect(languageModel).toBe(4 * llm.parameterCount)
    expect(visionTower).toBe(4 * vision_tower.parameterCount)
    // 2 layers, keys and values of 2 heads of 6, in float32
    expect(cache).toBe(tokens * 2 * 2 * 12 * 4)
    expect(total).toBe(languageModel + visionTower + cache)
    model.dispose()
  })
})
