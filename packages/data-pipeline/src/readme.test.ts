// The example in the README runs on shards that the writer wrote, and prints what it says.
import { expect, it } from 'vitest'
import { inTempDir } from '../../../tools/in-temp-dir.ts'
import { runReadmeExample } from '../../../tools/readme-example.ts'
import * as pipeline from './index.ts'
import { picture, record } from './read/tars.fixture.ts'

it('runs', async () => {
  await inTempDir(async (shards) => {
    const writer = await pipeline.ShardWriter.open(shards)
    for (let i = 0; i < 3; i++)
      await writer.add({ key: `s${i}`, picture: await picture(i), record: record(i) })
    await writer.finish()
    const readme = new URL('../README.md', import.meta.url)
    const modules = { '@ps3js/data-pipeline': pipeline }
    const { printed, promised } = await runReadmeExample(readme, modules, { shards })
    expect(printed).toEqual(promised)
  })
})
