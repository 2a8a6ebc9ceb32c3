// The example in the README runs and prints what it says.

import { expect, it } from 'vitest'
import { runReadmeExample } from '../../../tools/readme-example.ts'
import { expectNoLeak } from '../../../tools/test-support.ts'
import * as tensor from './index.ts'

it('runs and leaves no tensor behind', async () => {
  await tensor.useBackend('wasm')
  const { printed, promised } = await expectNoLeak(() =>
    runReadmeExample(new URL('../README.md', import.meta.url), { '@ps3js/tensor': tensor }),
  )
  expect(printed).toEqual(promised)
})
