// The example in the README runs, with a small recorded model.
import * as tensor from '@ps3js/tensor'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runReadmeExample } from '../../../tools/readme-example.ts'
import { expectNoLeak } from '../../../tools/test-support.ts'
import * as languageModel from './index.ts'
import { folderOf } from './recorded.fixture.ts'

const before = process.cwd()

beforeAll(async () => {
  await tensor.useBackend('wasm')
  process.chdir(folderOf('qwen2-tied'))
})
afterAll(() => process.chdir(before))

it('runs, prints what it promises and leaves no tensor behind', async () => {
  // The example takes the best backend there is; here it is the one that every machine has.
  const modules = {
    '@ps3js/tensor': { ...tensor, useBackend: () => tensor.useBackend('wasm') },
    '@ps3js/language-model': languageModel,
  }
  const { printed, promised } = await expectNoLeak(() =>
    runReadmeExample(new URL('../README.md', import.meta.url), modules),
  )
  expect(printed).toEqual(promised)
})
