// The example in the README runs and prints what it says, with a tiny model and a picture made here.
import * as encoder from '@ps3js/ps3-encoder'
import * as tensor from '@ps3js/tensor'
import { beforeAll, expect, it } from 'vitest'
import { runReadmeExample } from '../../../tools/readme-example.ts'
import { expectNoLeak } from '../../../tools/test-support.ts'
import { picture, tinyAssistant } from '../../../tools/tiny-vila-hd.ts'
import * as vilaHd from './index.ts'

beforeAll(() => tensor.useBackend('wasm'))

it('runs, prints what it promises and leaves no tensor behind', async () => {
  const modules = {
    // The example takes the best backend there is; here it is the one that every machine has.
    '@ps3js/tensor': { ...tensor, useBackend: () => tensor.useBackend('wasm') },
    '@ps3js/ps3-encoder': { ...encoder, decodeImage: async () => picture(1, 90, 60) },
    '@ps3js/vila-hd': { ...vilaHd, loadVilaHd: async () => tinyAssistant() },
  }
  const values = { process: { stdout: { write: () => true } } }
  const { printed, promised } = await expectNoLeak(() =>
    runReadmeExample(new URL('../README.md', import.meta.url), modules, values),
  )
  expect(printed).toEqual(promised)
})
