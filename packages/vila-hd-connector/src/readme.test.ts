// The example in the README runs and prints what it says.
import * as tensor from '@ps3js/tensor'
import { expect, it } from 'vitest'
import { runReadmeExample } from '../../../tools/readme-example.ts'
import * as connector from './index.ts'

it('runs and prints what it promises', async () => {
  // The example takes the best backend there is; here it is the one that every machine has.
  const modules = {
    '@ps3js/tensor': { ...tensor, useBackend: () => tensor.useBackend('wasm') },
    '@ps3js/vila-hd-connector': connector,
  }
  const { printed, promised } = await runReadmeExample(new URL('../README.md', import.meta.url), modules)
  expect(printed).toEqual(promised)
})
