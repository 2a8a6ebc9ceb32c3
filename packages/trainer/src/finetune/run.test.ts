// A whole fine-tuning run in a folder: what it begins from, that it learns, what it leaves, and that stopping changes nothing.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readLoraConfig } from '@ps3js/language-model'
import { CheckpointError, ConfigError, openCheckpoint, Random, useBackend } from '@ps3js/tensor'
import { loadVilaHd, saveVilaHd } from '@ps3js/vila-hd'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loggedSteps, runFingerprint } from '../../../../tools/kill-and-resume.ts'
import { expectNoLeak, largestDifference } from '../../../../tools/test-support.ts'
import type { StepLosses } from '../run/task.ts'
import type { FineTuneConfigInput } from './config.ts'
import { evaluateAnswers } from './evaluate.ts'
import { openAssistant } from './model.ts'
import { type FineTuningOptions, resumeFineTuning, startFineTuning } from './run.ts'
import {
  drawQuestions,
  letterTokenizer,
  tinyAssistant,
  tinyEvaluationQuestions,
  tinyFineTuneConfig,
  tinyLanguage,
  tinyQuestions,
} from './tiny-assistant.fixture.ts'

/** Runs of some seconds; a busy machine may take ten times as long. */
const PATIENCE = { timeout: 240_000 }

let directory: string
let base: string
let whole: string
const options: FineTuningOptions = {
  samples: () => tinyQuestions(),
  evaluationSamples: () => () => tinyEvaluationQuestions(),
}

beforeAll(async () => {
  await useBackend('wasm')
  directory = await mkdtemp(join(tmpdir(), 'ps3-finetune-'))
  base = join(directory, 'base')
  const assistant = tinyAssistant()
  await saveVilaHd(assistant, base, { tokenizer: letterTokenizer() })
  assistant.dispose()
  whole = join(directory, 'whole')
  const position = await expectNoLeak(() => startFineTuning(tinyFineTuneConfig(base), whole, options))
  expect(position).toMatchObject({ step: 4, evaluated: 4, best: { value: expect.any(Number) } })
}, PATIENCE.timeout)
afterAll(() => rm(directory, { recursive: true, force: true }))

describe('a fine-tuning run', PATIENCE, () => {
  it('logs losses and what was evaluated', async () => {
    expect(await loggedSteps(whole)).toEqual(['2', '2 evaluated', '4', '4 evaluated'])
    const lines = (await readFile(join(whole, 'log.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines[0]).toMatchObject({
      'loss/total': expect.any(Number),
      'loss/answer': expect.any(Number),
      'loss/selection': expect.any(Number),
      'speed/imagesPerSecond': expect.any(Number),
    })
    expect(lines.at(-1)).toMatchObject({
      'evaluation/accuracy/all': expect.any(Number),
      'evaluation/accuracy/color': expect.any(Number),
      'evaluation/needs/32': expect.any(Number),
      'evaluation/recall@10%': expect.any(Number),
    })
  })

  it('stopped after any step and taken up again, ends with the same files', async () => {
    const expected = await lastCheckpoint(whole)
    expect(Object.keys(expected)).toContain('llm/model.safetensors')
    for (const at of [1, 3]) {
      const run = join(directory, `stopped-${at}`)
      const controller = new AbortController()
      const stopping = startFineTuning(tinyFineTuneConfig(base), run, {
        ...options,
        signal: controller.signal,
        onStep: ({ step }) => void (step === at && controller.abort()),
      })
      await expect(expectNoLeak(() => stopping)).rejects.toThrow(/abort/)
      await resumeFineTuning(run, options)
      expect(await loggedSteps(run)).toEqual(await loggedSteps(whole))
      expect(await lastCheckpoint(run)).toEqual(expected)
    }
  })

  it('learns four answers by heart, and leaves a model that gives them in a chat', async () => {
    const random = new Random(11)
    const rows = [...drawQuestions(random), ...drawQuestions(random)]
    const samples = () => ({
      async *open() {
        for (;;) for (const sample of rows) yield { sample, state: null }
      },
    })
    const losses: StepLosses[] = []
    const run = join(directory, 'heart')
    const config = tinyFineTuneConfig(base, {
      batch: 4,
      steps: 45,
      optimizer: { learningRate: 1e-2 },
      schedule: { kind: 'constant', warmupSteps: 5 },
      selection: { mode: 'predicted' },
      checkpoint: { every: 1000 },
    })
    await startFineTuning(config, run, { samples, onStep: (report) => losses.push(report.losses) })
    expect(losses.at(-1)!.answer).toBeLessThan(0.1 * losses[0]!.answer!)
    expect(losses.at(-1)!.selection).toBeLessThan(0.7 * losses[0]!.selection!)
    const assistant = await loadVilaHd(join(run, 'latest'))
    const { accuracy } = await expectNoLeak(() => {
      const { selection, prompt } = config
      return evaluateAnswers(assistant, asStream(rows), { selection, prompt, maxTokens: 8, batch: 4 })
    })
    expect(accuracy).toEqual({ all: 1, byKind: { color: 1 }, byResolution: { 32: 1 } })
    for (const { image, question, answer } of rows) {
      using chat = assistant.chat()
      expect(await chat.answer([image, question], { maxTokens: 8 })).toBe(answer)
    }
    assistant.dispose()
  })

  it('trains each part at its own rate, and leaves alone what is frozen', async () => {
    const run = join(directory, 'connector')
    const freeze = ['vision_tower.*', 'llm.*', 'mm_projector.top_down_prompt_head.*']
    const config = tinyFineTuneConfig(base, { steps: 1, freeze, loss: { selection: 0 } })
    await startFineTuning(config, run, { samples: options.samples })
    for (const part of ['vision_tower', 'llm', 'mm_projector']) {
      const [before, after] = await Promise.all(
        [base, join(run, 'latest')].map((folder) => openCheckpoint(join(folder, part))),
      )
      for (const name of before!.names()) {
        const values = await after!.readFloat32(name)
        const same = expect(values, `${part} ${name}`)
        const trains = part === 'mm_projector' && name.startsWith('layers.')
        if (trains) same.not.toEqual(await before!.readFloat32(name))
        else if (part !== 'mm_projector' || name.startsWith('top_down'))
          same.toEqual(await before!.readFloat32(name))
      }
      await before!.close()
      await after!.close()
    }
    const typo = tinyFineTuneConfig(base, { freeze: ['llm.modle.*'] })
    const starting = startFineTuning(typo, join(directory, 'typo'), options)
    await expect(expectNoLeak(() => starting)).rejects.toThrow('"llm.modle.*"')
  })

  it('trains adapters beside a language model that stays, and leaves a plain model and them apart', async () => {
    const lora = { rank: 2, alpha: 4, targets: ['q_proj', 'down_proj'] } satisfies FineTuneConfigInput['lora']
    const config = tinyFineTuneConfig(base, { lora, freeze: ['vision_tower.*'] })
    const run = join(directory, 'lora')
    await expectNoLeak(() => startFineTuning(config, run, options))
    const latest = join(run, 'latest')
    expect(await readLoraConfig(join(latest, 'lora'))).toEqual(lora)
    const [own, merged, kept, adapters] = await Promise.all([
      openCheckpoint(join(base, 'llm')),
      openCheckpoint(join(latest, 'llm')),
      openCheckpoint(join(latest, 'lora/base')),
      openCheckpoint(join(latest, 'lora'), { filename: 'adapter_model.safetensors' }),
    ])
    expect(kept.names()).toHaveLength(4)
    for (const name of own.names()) {
      const [before, after] = [await own.readFloat32(name), await merged.readFloat32(name)]
      if (!kept.has(name)) {
        expect(after, name).toEqual(before)
        continue
      }
      expect(await kept.readFloat32(name), name).toEqual(before)
      const path = `base_model.model.${name.replace(/weight$/, '')}`
      const [a, b] = await Promise.all(
        ['lora_A', 'lora_B'].map((part) => adapters.readFloat32(`${path}${part}.weight`)),
      )
      const width = a!.length / 2
      const product = before.map((_, i) => {
        const [row, column] = [Math.floor(i / width), i % width]
        return 2 * (b![2 * row]! * a![column]! + b![2 * row + 1]! * a![width + column]!)
      })
      expect(Math.hypot(...product), name).toBeGreaterThan(1e-4)
      // Weights of at most 1, in float32.
      const difference = largestDifference(
        after,
        before.map((value, i) => value + product[i]!),
      )
      expect(difference, name).toBeLessThan(1e-6)
    }
    for (const file of [own, merged, kept, adapters]) await file.close()
    const tower = 'vision_tower/model.safetensors'
    expect(await readFile(join(latest, tower))).toEqual(await readFile(join(base, tower)))

    const stopped = join(directory, 'lora-stopped')
    const controller = new AbortController()
    const stopping = startFineTuning(config, stopped, {
      ...options,
      signal: controller.signal,
      onStep: ({ step }) => void (step === 3 && controller.abort()),
    })
    await expect(stopping).rejects.toThrow(/abort/)
    await expectNoLeak(() => resumeFineTuning(stopped, options))
    expect(await lastCheckpoint(stopped)).toEqual(await lastCheckpoint(run))

    const frozen = tinyFineTuneConfig(base, { lora, freeze: ['llm.*'] })
    const starting = startFineTuning(frozen, join(directory, 'frozen'), options)
    await expect(expectNoLeak(() => starting)).rejects.toThrow(/freeze names every adapter/)
  })

  it('begins from a vision tower, a new language model and a tokenizer', async () => {
    const run = join(directory, 'parts')
    const parts = {
      visionTower: join(base, 'vision_tower'),
      languageModelConfig: tinyLanguage,
      tokenizer: join(base, 'llm'),
    }
    const config = tinyFineTuneConfig(base, { model: { parts }, steps: 2, checkpoint: { every: 1 } })
    await startFineTuning(config, run, { samples: options.samples })
    const again = join(directory, 'parts-again')
    const controller = new AbortController()
    const stopping = startFineTuning(config, again, {
      samples: options.samples,
      signal: controller.signal,
      onStep: () => controller.abort(),
    })
    await expect(stopping).rejects.toThrow(/abort/)
    await resumeFineTuning(again, { samples: options.samples })
    expect(await runFingerprint(again)).toEqual(await runFingerprint(run))
  })

  it('begins with a tokenizer of texts alone, whose texts end otherwise than its answers', async () => {
    const { tokenizer, ...rest } = letterTokenizer()
    const json = tokenizer as {
      added_tokens: { content: string }[]
      model: { vocab: Record<string, number> }
    }
    const added_tokens = json.added_tokens.filter(({ content }) => content !== '<image>')
    const { '<image>': _, ...vocab } = json.model.vocab
    const files = {
      'tokenizer.json': { ...json, added_tokens, model: { ...json.model, vocab } },
      'tokenizer_config.json': { eos_token: 'a', chat_template: rest.chatTemplate },
    }
    const folder = join(directory, 'texts-alone')
    await mkdir(folder)
    for (const [name, file] of Object.entries(files))
      await writeFile(join(folder, name), JSON.stringify(file))
    const parts = {
      visionTower: join(base, 'vision_tower'),
      languageModelConfig: tinyLanguage,
      tokenizer: folder,
    }
    const { model } = tinyFineTuneConfig(base, { model: { parts } })
    await expectNoLeak(async () => {
      const { assistant } = await openAssistant(model, { seed: 0 })
      const { tokenizer: whole, stopIds } = assistant
      expect(whole.encode('<image>')).toEqual([63])
      expect(assistant.model.config.imageTokenId).toBe(63)
      expect(stopIds).toEqual([whole.idOf('<|im_end|>'), whole.idOf('a')])
      assistant.dispose()
    })
  })

  it('refuses what cannot be, and leaves nothing behind', async () => {
    const refused = async (change: Parameters<typeof tinyFineTuneConfig>[1], message: string | RegExp) => {
      const config = tinyFineTuneConfig(base, change)
      await expectNoLeak(() =>
        expect(startFineTuning(config, join(directory, 'refused'), {})).rejects.toThrow(message),
      )
      await rm(join(directory, 'refused'), { recursive: true, force: true })
    }
    await refused({}, 'the configuration names no data')
    const parts = { visionTower: join(base, 'vision_tower'), tokenizer: join(base, 'llm') }
    const small = { ...tinyLanguage, vocab_size: 40 }
    await refused(
      { model: { parts: { ...parts, languageModelConfig: small } } },
      /a token 6\d, .* vocabulary of 40/,
    )
    await expect(resumeFineTuning(directory, {})).rejects.toThrow(/holds no run/)
    const missing = tinyFineTuneConfig(join(base, 'vision_tower'))
    await expect(startFineTuning(missing, join(directory, 'refused'), options)).rejects.toThrow(
      CheckpointError,
    )
    expect(() => tinyFineTuneConfig(base, { selection: { mode: 'all' } as never })).toThrow(ConfigError)
    expect(() => tinyFineTuneConfig(base, { model: { from: base, parts: parts as never } })).toThrow(
      /one of from and parts/,
    )
  })
})

/** What must be equal: every file of the last checkpoint, as hashes. */
async function lastCheckpoint(run: string): Promise<Record<string, string>> {
  return runFingerprint(join(run, 'checkpoints/step-00000004'))
}

async function* asStream<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}
