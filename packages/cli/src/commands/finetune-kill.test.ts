// `ps3 finetune` killed with -9 at random moments and resumed ends with the same bytes as one that ran through, adapters
// included. KILLS=20 in the environment makes it twenty.

import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ShardWriter } from '@ps3js/data-pipeline'
import { useBackend } from '@ps3js/tensor'
import { saveVilaHd } from '@ps3js/vila-hd'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { expectSameEnds, type Program, runFingerprint, runOnce } from '../../../../tools/kill-and-resume.ts'
import { bundleForNode } from '../../../../tools/node-bundle.ts'
import { byteTokenizer, picture, tinyAssistant } from '../../../../tools/tiny-vila-hd.ts'

const KILLS = Number(process.env.KILLS ?? 3)

let directory: string
let bin: string

beforeAll(async () => {
  await useBackend('wasm')
  directory = await mkdtemp(join(tmpdir(), 'ps3-kill-'))
  bin = await bundleForNode(new URL('../bin.ts', import.meta.url))
  const assistant = tinyAssistant()
  await saveVilaHd(assistant, join(directory, 'base'), { tokenizer: byteTokenizer() })
  assistant.dispose()
  const writer = await ShardWriter.open(join(directory, 'data'), { layout: 'single', maxSamples: 9 })
  for (let i = 0; i < 5; i++) {
    const { data, ...raw } = picture(i)
    const png = await sharp(data, { raw: { ...raw, channels: 3 } })
      .png()
      .toBuffer()
    // Two questions of most pictures, one of others: steps end between them too.
    const asked = i === 2 ? ['left'] : ['left', 'right']
    const questions = asked.map((side, k) => ({
      ...{ question: `${side}?`, answer: `${i}`, kind: side },
      ...{ boxes: [[32 * k, 8, 32 * k + 16, 24]] },
    }))
    await writer.add({ key: `s${i}`, picture: png, record: { global_text: 'noise', questions } })
  }
  await writer.finish()
})
afterAll(async () => {
  await rm(bin, { force: true })
  await rm(directory, { recursive: true, force: true })
})

it(
  `${KILLS} kills`,
  async () => {
    const config = join(directory, 'tiny.yaml')
    const shards = `data/${(await readdir(join(directory, 'data'))).find((name) => name.endsWith('.tar'))}`
    await writeFile(
      config,
      `model: { from: base }
data: { shards: ${shards}, questionsPerPicture: 2, shuffle: 3, pasted: 0.3 }
batch: 2
steps: 8
lora: { rank: 2, alpha: 4 }
optimizer: { learningRate: 1e-3 }
selection: { mode: forced, distractors: 1 }
log: { every: 1 }
evaluation: { shards: ${shards}, every: 4, samples: 2, budgets: [0.1], maxTokens: 2 }
checkpoint: { every: 2, keep: 2 }
`,
    )
    const program: Program = (run) => {
      const which = existsSync(join(run, 'config.yaml')) ? ['--resume', run] : [config, '--out', run]
      return [bin, 'finetune', ...which, '--backend', 'wasm']
    }
    const whole = join(directory, 'whole')
    expect(await runOnce(program, whole)).toMatchObject({ status: 0, stderr: '' })
    const expected = await runFingerprint(whole)
    for (const file of ['optimizer.safetensors', 'lora/adapter_model.safetensors', 'llm/model.safetensors']) {
      expect(Object.keys(expected)).toContain(`checkpoints/step-00000008/${file}`)
    }
    await expectSameEnds(program, { directory, whole, kills: KILLS })
  },
  60_000 + KILLS * 30_000,
)
