// The example in the README runs, with a small model and shards where it says.
import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tensor from '@ps3js/tensor'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runReadmeExample } from '../../../tools/readme-example.ts'
import { expectNoLeak } from '../../../tools/test-support.ts'
import * as trainer from './index.ts'
import { tinyConfig } from './run/tiny.fixture.ts'
import { writeTinyShards } from './run/tiny-shards.fixture.ts'

const before = process.cwd()
let directory: string

beforeAll(async () => {
  await tensor.useBackend('wasm')
  directory = await fs.mkdtemp(join(tmpdir(), 'ps3-readme-'))
  const shards = await writeTinyShards(join(directory, 'data'))
  const log = { every: 1 }
  const config = tinyConfig({
    steps: 2,
    schedule: {},
    log,
    data: { shards },
    evaluation: { shards, samples: 4 },
  })
  const { checkpoint: _, ...rest } = config
  await fs.writeFile(join(directory, 'train.yaml'), JSON.stringify(rest))
  process.chdir(directory)
})
afterAll(async () => {
  process.chdir(before)
  await fs.rm(directory, { recursive: true, force: true })
})

it('runs, prints what it says, and leaves no tensor behind', async () => {
  // The example takes the best backend there is; here it is the one that every machine has.
  const modules = {
    'node:fs/promises': fs,
    '@ps3js/tensor': { ...tensor, useBackend: () => tensor.useBackend('wasm') },
    '@ps3js/trainer': trainer,
  }
  const readme = new URL('../README.md', import.meta.url)
  const { printed, promised } = await expectNoLeak(() => runReadmeExample(readme, modules))
  expect(printed).toEqual(['1 trained', '2 trained', '2 evaluated', ...promised])
})
