// The example in the README runs and prints what it says.
import * as tensor from '@ps3js/tensor'
import { expect, it } from 'vitest'
import { runReadmeExample } from '../../../tools/readme-example.ts'
import * as losses from './index.ts'

it('runs', async () => {
  const readme = new URL('../README.md', import.meta.url)
  const modules = { '@ps3js/contrastive-loss': losses, '@ps3js/tensor': tensor }
  const { printed, promised } = await runReadmeExample(readme, modules)
  expect(printed).toEqual(promised)
})
