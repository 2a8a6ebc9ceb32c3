// A whole run in a folder: what it leaves behind, what its checkpoints are good for, and what stops it.
import { type FileHandle, mkdtemp, open, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadPretrained, toCheckpointName } from '@ps3js/ps3-encoder'
import { ConfigError, memory, openCheckpoint, ResourceError, useBackend } from '@ps3js/tensor'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { loggedSteps, runFingerprint } from '../../../../tools/kill-and-resume.ts'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { buildModel, saveModel } from './model.ts'
import { resumeTraining, startTraining, type TrainingOptions } from './run-training.ts'
import { tinyConfig, tinyEvaluationSamples, tinyModelConfig, tinySamples } from './tiny.fixture.ts'

let directory: string
let whole: string
const options: TrainingOptions = {
  samples: () => tinySamples(),
  evaluationSamples: () => () => tinyEvaluationSamples(),
}

beforeAll(async () => {
  await useBackend('wasm')
  directory = await mkdtemp(join(tmpdir(), 'ps3-run-'))
  whole = join(directory, 'whole')
  const position = await expectNoLeak(() => startTraining(tinyConfig(), whole, options))
  expect(position).toMatchObject({ step: 8, evaluated: 8 })
})
afterAll(() => rm(directory, { recursive: true, force: true }))
afterEach(() => vi.restoreAllMocks())

/** A checkpoint of the small model whose bias is moved. */
async function withLogitBias(folder: string, value: number): Promise<string> {
  const model = await buildModel(tinyModelConfig)
  model.encoder.initialize(9)
  model.encoder.logit_bias!.set(Float32Array.of(value))
  await saveModel(model, folder)
  model.encoder.dispose()
  return folder
}

describe('a run in a folder', () => {
  it('leaves the newest checkpoints and the best, with pointers to them', async () => {
    expect((await readdir(whole)).sort()).toEqual([
      'best',
      'checkpoints',
      'config.yaml',
      'latest',
      'log.jsonl',
      'tensorboard',
    ])
    expect(await readlink(join(whole, 'latest'))).toBe('checkpoints/step-00000008')
    const best = await readlink(join(whole, 'best'))
    const { best: known } = JSON.parse(await readFile(join(whole, 'latest/training.json'), 'utf8'))
    expect(best).toBe(`checkpoints/step-0000000${known.step}`)
    const kept = new Set(['step-00000006', 'step-00000008', best.slice('checkpoints/'.length)])
    expect((await readdir(join(whole, 'checkpoints'))).sort()).toEqual([...kept].sort())
    expect(await loggedSteps(whole)).toEqual(['2', '4', '4 evaluated', '6', '8', '8 evaluated'])
  })

  it('leaves checkpoints that load as released models do, with their tokenizer', async () => {
    const { encoder, tokenizerError } = await loadPretrained(join(whole, 'latest'))
    expect(tokenizerError).toBeUndefined()
    const { pooled, prompt } = await encoder.encodeText(['a red square'])
    expect(pooled.shape).toEqual([1, 16])
    pooled.dispose()
    prompt.dispose()
    const moments = await openCheckpoint(join(whole, 'latest'), { filename: 'optimizer.safetensors' })
    expect(moments.info('mean.vision_model.trunk.pos_embed').shape).toEqual([1, 16, 16])
    expect([...(await moments.readFloat32('step.logit_scale'))]).toEqual([8])
    await moments.close()
    encoder.dispose()
  })

  it('learns: the loss falls, and frozen parameters stay as they were', async () => {
    const losses: number[] = []
    const config = tinyConfig({ steps: 30, freeze: ['text_model.*'], optimizer: { learningRate: 3e-3 } })
    const run = join(directory, 'longer')
    await startTraining(config, run, {
      samples: options.samples,
      onStep: (report) => losses.push(report.losses.total),
    })
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
    expect(mean(losses.slice(-8))).toBeLessThan(0.8 * mean(losses.slice(0, 8)))
    const trained = await openCheckpoint(join(run, 'latest'), { filename: 'model.safetensors' })
    const { encoder } = await buildModel(config.model)
    encoder.initialize(config.seed)
    for (const [path, { value }] of encoder.namedParameters()) {
      const same = expect(await trained.readFloat32(toCheckpointName(path)), path)
      if (path.startsWith('text_model.')) same.toEqual(await value.data())
      else if (path.endsWith('qkv.weight')) same.not.toEqual(await value.data())
    }
    await trained.close()
    encoder.dispose()
  })

  it.each([
    ['at the usual place', undefined, undefined, -10],
    ['where model.logitBias says', -3.5, undefined, -3.5],
    ['where a checkpoint says', undefined, 'whole', -2],
    ['where model.logitBias says, whatever the checkpoint does', -3.5, 'whole', -3.5],
  ])('begins with a logit bias %s', async (_, logitBias, from, expected) => {
    const source = from && (await withLogitBias(join(directory, `from-${logitBias}`), -2))
    const model = { ...tinyModelConfig, logitBias, initializeFrom: source }
    const config = tinyConfig({ model, steps: 1, freeze: ['logit_bias', 'text_model.*'] })
    const run = join(directory, `bias-${logitBias}-${from}`)
    await startTraining(config, run, { samples: options.samples })
    const trained = await openCheckpoint(join(run, 'latest'), { filename: 'model.safetensors' })
    expect([...(await trained.readFloat32('logit_bias'))]).toEqual([expected])
    await trained.close()
  })

  it('stopped after any step and taken up again, ends with the same files', async () => {
    const expected = await runFingerprint(whole)
    for (const at of [1, 4, 6]) {
      const run = join(directory, `stopped-${at}`)
      const controller = new AbortController()
      const stopping = startTraining(tinyConfig(), run, {
        ...options,
        signal: controller.signal,
        onStep: ({ step }) => void (step === at && controller.abort()),
      })
      await expect(expectNoLeak(() => stopping)).rejects.toThrow(/abort/)
      expect(await readlink(join(run, 'latest'))).toBe(`checkpoints/step-0000000${at}`)
      await resumeTraining(run, options)
      expect(await loggedSteps(run)).toEqual(await loggedSteps(whole))
      expect(await runFingerprint(run)).toEqual(expected)
    }
  })

  it('stopped during an evaluation, does it again and logs it once', async () => {
    const run = join(directory, 'stopped-evaluating')
    const controller = new AbortController()
    async function* stopping() {
      for await (const sample of tinyEvaluationSamples()) {
        yield sample
        controller.abort()
      }
    }
    await expect(
      startTraining(tinyConfig(), run, {
        ...options,
        evaluationSamples: () => stopping,
        signal: controller.signal,
      }),
    ).rejects.toThrow(/abort/)
    expect(await loggedSteps(run)).toEqual(['2', '4'])
    await resumeTraining(run, options)
    expect(await loggedSteps(run)).toEqual(await loggedSteps(whole))
    expect(await runFingerprint(run)).toEqual(await runFingerprint(whole))
  })

  it('a full disk: says so, leaves the last checkpoint whole, and goes on when there is room', async () => {
    const run = join(directory, 'full')
    const probe = await open(join(directory, 'probe'), 'w')
    const prototype = Object.getPrototypeOf(probe) as FileHandle
    await probe.close()
    const full = Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' })
    const stopping = startTraining(tinyConfig(), run, {
      ...options,
      onStep: ({ step }) => void (step === 6 && vi.spyOn(prototype, 'write').mockRejectedValue(full)),
    })
    const error = await expectNoLeak(() => stopping).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(ResourceError)
    expect((error as Error).message).toMatch(/the disk is full; free (some )?space/)
    vi.restoreAllMocks()
    expect((await readdir(join(run, 'checkpoints'))).sort().at(-1)).toBe('step-00000004')
    expect((await readdir(join(run, 'checkpoints'))).filter((name) => name.startsWith('.'))).toEqual([])
    await resumeTraining(run, options)
    expect(await runFingerprint(run)).toEqual(await runFingerprint(whole))
  })

  it('refuses a folder with a run, one without, and samples that end', async () => {
    await expect(startTraining(tinyConfig(), whole, options)).rejects.toThrow(
      /whole holds a run already: go on with it \(ps3 train --resume/,
    )
    await expect(resumeTraining(directory, options)).rejects.toThrow(/holds no run: there is no config\.yaml/)
    await writeFile(join(directory, 'file'), '')
    await expect(startTraining(tinyConfig(), join(directory, 'file/run'), options)).rejects.toThrow(
      ResourceError,
    )
    const ending = { open: async function* () {} }
    await expect(
      startTraining(tinyConfig(), join(directory, 'ending'), { samples: () => ending }),
    ).rejects.toThrow(/the samples ended before the last step/)
    await expect(
      startTraining(
        tinyConfig({ checkpoint: { best: 'accuracy' }, evaluation: { every: 1 } }),
        join(directory, 'metric'),
        options,
      ),
    ).rejects.toThrow(/checkpoint\.best is "accuracy", which the evaluation does not measure; there are /)
  })

  it('is written by one process: a second one is refused, until the first has ended', async () => {
    const run = join(directory, 'one-writer')
    const others: Promise<unknown>[] = []
    const onStep = () => {
      for (const second of [startTraining(tinyConfig(), run, options), resumeTraining(run, options)])
        others.push(second.catch((error: unknown) => error))
    }
    const controller = new AbortController()
    const onCheckpoint = () => controller.abort()
    const { signal } = controller
    await expect(
      startTraining(tinyConfig(), run, { ...options, onStep, onCheckpoint, signal }),
    ).rejects.toThrow(/abort/)
    for (const error of await Promise.all(others)) {
      expect(error).toBeInstanceOf(ResourceError)
      expect((error as Error).message).toMatch(
        /one-writer is being written by process \d+, .*: wait until it ends/,
      )
    }
    await resumeTraining(run, options)
    expect(await runFingerprint(run)).toEqual(await runFingerprint(whole))
  })

  it('refuses a precision that the backend lacks, and leaves no folder', async () => {
    const run = join(directory, 'half')
    const starting = startTraining(tinyConfig({ precision: 'bf16' }), run, options)
    await expect(starting).rejects.toThrow(ConfigError)
    await expect(starting).rejects.toThrow(
      /precision bf16 needs native TensorFlow, and this is .* wasm: choose/,
    )
    await expect(readdir(run)).rejects.toThrow('ENOENT')
  })

  it('keeps no tensor from step to step', async () => {
    const counts: number[] = []
    await startTraining(
      tinyConfig({ steps: 6, accumulation: 2, checkpointedBlocks: true }),
      join(directory, 'leak'),
      {
        samples: options.samples,
        onStep: () => counts.push(memory().numTensors),
      },
    )
    // The first step makes the moments.
    expect(new Set(counts)).toHaveLength(1)
  })
})
