// The pictures of `tiny.fixture.ts` in shards.

import { ShardWriter } from '@ps3js/data-pipeline'
import { Random } from '@ps3js/tensor'
import { encodePng } from '../log/png.ts'
import { drawSample } from './tiny.fixture.ts'

/** Writes shards of five samples; gives back the pattern that names them. */
export async function writeTinyShards(directory: string, count = 15): Promise<string> {
  const random = new Random(9)
  const writer = await ShardWriter.open(directory, { layout: 'single', maxSamples: 5 })
  for (let i = 0; i < count; i++) {
    const { image, caption, boxes } = drawSample(random)
    const regions = { text: boxes.map(() => caption), box: boxes.map((box) => [...box]) }
    const record = { ...(boxes.length > 0 && regions), global_text: caption }
    await writer.add({
      key: `s${i}`,
      picture: encodePng(image.width, image.height, image.data as Uint8Array),
      record,
    })
  }
  const { shards } = await writer.finish()
  return `${directory}/{${shards.flatMap(({ files }) => files.map(({ name }) => name)).join(',')}}`
}
