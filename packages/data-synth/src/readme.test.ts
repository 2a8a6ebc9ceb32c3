// The example in the README runs and prints what it says.
import { expect, it } from 'vitest'
import { runReadmeExample } from '../../../tools/readme-example.ts'
import * as synth from './index.ts'

it('runs', async () => {
  const readme = new URL('../README.md', import.meta.url)
  const { printed, promised } = await runReadmeExample(readme, { '@ps3js/data-synth': synth })
  expect(printed).toEqual(promised)
})
