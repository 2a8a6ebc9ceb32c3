// The example in the README runs and prints what it says.
import { fileURLToPath } from 'node:url'
import * as tensor from '@ps3js/tensor'
import { expect, it } from 'vitest'
import { runReadmeExample } from '../../../tools/readme-example.ts'
import { expectNoLeak } from '../../../tools/test-support.ts'
import * as cli from './index.ts'

it('runs and leaves no tensor behind', async () => {
  const recorded = fileURLToPath(new URL('../../tensor/fixtures/ops/interpolate', import.meta.url))
  const modules = {
    // The example takes the best backend there is; here it is the one that every machine has.
    '@ps3js/tensor': { ...tensor, useBackend: () => tensor.useBackend('wasm') },
    // The reader's own `./cases` are cases that ship with the tests.
    '@ps3js/cli': { ...cli, directoryStore: () => cli.directoryStore(recorded) },
  }
  await tensor.useBackend('wasm')
  const { printed, promised } = await expectNoLeak(() =>
    runReadmeExample(new URL('../README.md', import.meta.url), modules),
  )
  expect(printed).toEqual(promised)
})
