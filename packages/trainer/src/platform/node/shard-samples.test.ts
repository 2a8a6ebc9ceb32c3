// Samples from shards to evaluate on: every caption with its box, and what cannot be used is told.
import { join } from 'node:path'
import { ShardWriter } from '@ps3js/data-pipeline'
import { ImageProcessor } from '@ps3js/ps3-encoder'
import { expect, it } from 'vitest'
import { inTempDir } from '../../../../../tools/in-temp-dir.ts'
import { encodePng } from '../../log/png.ts'
import { shardEvaluationSamples } from './shard-samples.ts'

it('evaluation samples are clipped to their picture; boxes outside and broken pictures are told', () =>
  inTempDir(async (directory) => {
    const writer = await ShardWriter.open(directory, { layout: 'single' })
    const whole = encodePng(40, 20, new Uint8Array(40 * 20 * 3))
    const box = [
      [30, 5, 60, 15],
      [40, 0, 50, 9],
    ]
    await writer.add({ key: 'boxes', picture: whole, record: { text: ['in part', 'not at all'], box } })
    await writer.add({ key: 'broken', picture: whole.subarray(0, 50), record: { global_text: 'broken' } })
    await writer.add({ key: 'all', picture: whole, record: { global_text: 'all of it' } })
    await writer.finish()
    const skipped: string[] = []
    const samples = shardEvaluationSamples({
      shards: join(directory, 'samples-000000.tar'),
      processor: new ImageProcessor({ image_size: 80, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }),
      limit: 10,
      onSkip: ({ key, reason }) => skipped.push(`${key}: ${reason}`),
    })
    const found = []
    for await (const { key, caption, boxes } of samples) found.push({ key, caption, boxes })
    expect(found).toEqual([
      { key: 'boxes', caption: 'in part', boxes: [[60, 20, 80, 60]] },
      { key: 'all', caption: 'all of it', boxes: [] },
    ])
    expect(skipped).toEqual([
      'boxes: box 1 [40, 0, 50, 9] lies outside its picture of 40x20',
      expect.stringMatching(/^broken: /),
    ])
  }))
