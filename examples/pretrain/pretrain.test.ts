// The example in a short form: its loss falls, what it leaves behind loads, and full-size plans add up.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadPretrained } from '@ps3js/ps3-encoder'
import { useBackend } from '@ps3js/tensor'
import type { RunRecord } from '@ps3js/trainer'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { expectNoLeak } from '../../tools/test-support.ts'
import { ablate, asMarkdown } from './ablate.mjs'
import { plan } from './plan.mjs'
import { pretrain } from './pretrain.mjs'
import { readConfig } from './read-config.mjs'

const configFile = (name: string) => fileURLToPath(new URL(`configs/${name}.yaml`, import.meta.url))
let directory: string
beforeAll(async () => {
  await useBackend('wasm')
  directory = await mkdtemp(join(tmpdir(), 'ps3-pretrain-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

it('learns, and leaves a model that takes prompts', async () => {
  const config = await readConfig(configFile('toy'), {
    steps: 8,
    schedule: { warmupSteps: 2 },
    log: { every: 1, imagesEvery: 0 },
    evaluation: { samples: 4, budgets: [0.02, 0.05] },
  })
  const records: RunRecord[] = []
  const run = join(directory, 'toy')
  await expectNoLeak(() => pretrain(config, run, { onRecord: (record: RunRecord) => records.push(record) }))
  const losses = records.flatMap(({ scalars }) => scalars['loss/total'] ?? [])
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  expect(losses).toHaveLength(8)
  expect(mean(losses.slice(-3))).toBeLessThan(0.9 * mean(losses.slice(0, 3)))
  expect(records.at(-1)!.scalars).toHaveProperty('evaluation/selection/topDown@5%')
  const { encoder, tokenizerError } = await loadPretrained(join(run, 'latest'))
  expect(tokenizerError).toBeUndefined()
  const { pooled, prompt } = await encoder.encodeText(['red circle'])
  expect(prompt.shape).toEqual([1, 64])
  pooled.dispose()
  prompt.dispose()
  encoder.dispose()
}, 240_000)

it('compares what each part brings, and does not repeat what it has', async () => {
  const base = await readConfig(configFile('toy'), {
    batch: 8,
    steps: 1,
    log: { every: 1, imagesEvery: 0 },
    evaluation: { samples: 4, budgets: [0.02, 0.05] },
  })
  const runs: string[] = []
  const options = { config: base, seeds: [0], onRun: (name: string) => runs.push(name) }
  const rows = await ablate(join(directory, 'ablations'), options)
  expect(rows).toHaveLength(5)
  const values = rows.flatMap((row) => row.values.flat())
  expect(values.every((value: number) => value >= 0 && value <= 1)).toBe(true)
  // A known result is read, as it stands.
  expect(await ablate(join(directory, 'ablations'), options)).toEqual(rows)
  expect(runs).toHaveLength(10)
  const line = asMarkdown([{ name: 'a', values: [[0.5, 0.7]] }]).split('\n')[2]
  expect(line).toBe('| a | .60 ± .14 |')
}, 240_000)

it('plans the paper’s recipe without allocating it', async () => {
  const text = plan(await readConfig(configFile('ps3-4k-siglip')))
  // SigLIP's two towers hold 878 million parameters; positions and the selection head come on top.
  const [, count] = /parameters +([\d,]+)/.exec(text)!
  expect(Number(count!.replaceAll(',', ''))).toBeGreaterThan(878e6)
  expect(text).toContain('729 of the whole, 2560 of 87,480 at 756, 1512, 3780 px')
  expect(text).toContain('18,310 of 4096 captions, 1 at a time')
})
