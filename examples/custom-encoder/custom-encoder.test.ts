// The example learns: its loss falls, and what is chosen answers the words.
import { drawShapes, pictureRandom } from '@ps3js/data-synth'
import { useBackend } from '@ps3js/tensor'
import { beforeAll, expect, it } from 'vitest'
import { expectNoLeak } from '../../tools/test-support.ts'
import { chosenBoxes, train } from './custom-encoder.mjs'

beforeAll(() => useBackend('wasm'))

it('learns to look at shapes, and chooses patches by words', () =>
  expectNoLeak(async () => {
    const { model, losses } = await train({ steps: 25, batch: 8 })
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
    expect(mean(losses.slice(-5))).toBeLessThan(0.7 * mean(losses.slice(0, 5)))
    const { image, objects } = drawShapes({ random: pictureRandom(9, 0), size: 96, objects: 2 })
    const boxes = await chosenBoxes(model, image, objects[0]!.caption, 6)
    expect(boxes).toHaveLength(6)
    for (const [x1, y1, x2, y2] of boxes) expect([x2! - x1!, y2! - y1!]).toEqual([8, 8])
    model.dispose()
  }))
