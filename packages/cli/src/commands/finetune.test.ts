// `ps3 finetune`: from a vision tower, a new language model and shards of questions to a VILA-HD in a folder.

import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ShardWriter } from '@ps3js/data-pipeline'
import { memory, Random, useBackend } from '@ps3js/tensor'
import { loadVilaHd } from '@ps3js/vila-hd'
import sharp from 'sharp'
import { beforeAll, describe, expect, it } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { tinyModel as mapModel, ps3 } from '../cli.fixture.ts'

beforeAll(async () => {
  await useBackend('wasm')
})

/** A recorded model that selects by hidden states alone: the map of 1512 pixels takes seconds a step. */
const tower = mapModel.replace('siglip-tiny3', 'siglip-tiny3-plain')

/** Every letter is a token. */
async function writeTokenizer(directory: string): Promise<void> {
  const letters = ['Ġ', 'Ċ', ...'abcdefghijklmnopqrstuvwxyz?']
  const special = ['<|im_start|>', '<|im_end|>', '<image>']
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false }
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
  const json = {
    version: '1.0',
    added_tokens: special.map((content, i) => ({ id: letters.length + i, content, ...flags })),
    pre_tokenizer: byteLevel,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      vocab: Object.fromEntries([...letters, ...special].map((token, i) => [token, i])),
      merges: [],
    },
  }
  const template =
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
  await mkdir(directory)
  await writeFile(join(directory, 'tokenizer.json'), JSON.stringify(json))
  const config = { eos_token: '<|im_end|>', chat_template: template }
  await writeFile(join(directory, 'tokenizer_config.json'), JSON.stringify(config))
}

/** Two pictures of 224 pixels with one coloured square each. */
async function writeShard(directory: string): Promise<string> {
  const random = new Random(4)
  const writer = await ShardWriter.open(directory, { layout: 'single', maxSamples: 9 })
  for (const [i, background] of ['#e01010', '#1010e0'].entries()) {
    const [left, top] = [random.integer(150), random.integer(150)]
    const square = sharp({ create: { width: 60, height: 60, channels: 3, background } }).png()
    const picture = await sharp({ create: { width: 224, height: 224, channels: 3, background: '#404040' } })
      .composite([{ input: await square.toBuffer(), left, top }])
      .png()
      .toBuffer()
    const boxes = [[left, top, left + 60, top + 60]]
    const questions = [{ question: 'which color?', answer: i === 0 ? 'red' : 'blue', kind: 'color', boxes }]
    await writer.add({ key: `s${i}`, picture, record: { global_text: 'a square', questions } })
  }
  await writer.finish()
  return (await readdir(directory)).find((name) => name.endsWith('.tar'))!
}

const LANGUAGE =
  '{ vocab_size: 32, hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1, num_attention_heads: 2, num_key_value_heads: 1, tie_word_embeddings: true }'

describe('ps3 finetune', () => {
  it('from shards to a VILA-HD', async () => {
    await inTempDir(async (directory) => {
      await writeTokenizer(join(directory, 'tokenizer'))
      const shard = await writeShard(join(directory, 'data'))
      const config = join(directory, 'tiny.yaml')
      await writeFile(
        config,
        `model: { parts: { visionTower: ${tower}, languageModelConfig: ${LANGUAGE}, tokenizer: tokenizer } }
data: { shards: data/${shard} }
batch: 2
steps: 2
selection: { mode: forced }
log: { every: 1 }
evaluation: { shards: data/${shard}, samples: 2, budgets: [0.1], maxTokens: 4 }
checkpoint: { every: 1 }
`,
      )
      const out = join(directory, 'run')
      const before = memory().numTensors
      const printed = await ps3(['finetune', config, '--print-config'])
      expect(printed).toMatchObject({ status: 0, stdout: expect.stringContaining('questionsPerPicture: 4') })
      const trained = await ps3(['finetune', config, '--out', out, '--backend', 'wasm'])
      expect(trained.stderr).toBe('')
      expect(trained.stdout).toMatch(/step 1: total [\d.]+, answer [\d.]+, selection [\d.]+, .*images\/s/)
      expect(trained.stdout).toMatch(/step 2, evaluated:\n {2}accuracy\/all \d/)
      expect(trained.stdout).toMatch(/2 steps done; the model is in .*run\/latest/)
      const again = await ps3(['finetune', config, '--out', out, '--backend', 'wasm'])
      expect(again.stderr).toMatch(/holds a run already: go on with it \(ps3 finetune --resume/)
      expect((await ps3(['finetune', '--resume', out, '--backend', 'wasm'])).status).toBe(0)
      expect(memory().numTensors).toBe(before)
      const assistant = await loadVilaHd(join(out, 'latest'))
      expect(assistant.model.llm.config.vocabSize).toBe(32)
      assistant.dispose()
    })
  })

  it('mistakes say what to do', async () => {
    await inTempDir(async (directory) => {
      const config = join(directory, 'wrong.yaml')
      await writeFile(config, 'model: { from: vila }\nsteps: 2\nselektion: {}\n')
      const failing = async (...args: string[]) => (await ps3(args)).stderr
      expect(await failing('finetune', config)).toMatch(/selektion: .* did you mean selection\?/)
      expect(await failing('finetune')).toMatch(/give a configuration to begin a run, or --resume DIR/)
      expect(await failing('finetune', '--resume', directory)).toMatch(
        /holds no run: there is no config\.yaml/,
      )
    })
  })
})
