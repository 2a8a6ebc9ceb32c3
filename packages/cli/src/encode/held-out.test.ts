// The built-in model looks where it is asked to, in pictures that it was not trained on.
import type { ProbabilityMap } from '@ps3js/patch-selector'
import { boxesToMap, resizeArea, selectBoxes } from '@ps3js/patch-selector'
import { loadPretrained } from '@ps3js/ps3-encoder'
import { useBackend } from '@ps3js/tensor'
import { boxRecall } from '@ps3js/trainer'
import { expect, it } from 'vitest'
import { assetPath } from '../assets.ts'
import { heldOutPictures } from './held-out.fixture.ts'

/** How many times more of the map's mass lies in the boxes than of the picture's area. */
function lift(map: ProbabilityMap, inside: ProbabilityMap): number {
  let mass = 0
  let found = 0
  let area = 0
  map.data.forEach((p, i) => {
    mass += p
    found += p * inside.data[i]!
    area += inside.data[i]! / map.data.length
  })
  return found / mass / area
}

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

it('looks at what the prompt names, and more there than without a prompt', async () => {
  await useBackend('wasm')
  const { encoder, processor } = await loadPretrained(assetPath('default-model'))
  const lifts: { asked: string; topDown: number; bottomUp: number }[] = []
  const recalls: { topDown: number; bottomUp: number }[] = []
  for await (const { name, image, questions } of heldOutPictures()) {
    const view = await encoder.lowRes(processor.process(image))
    const grids = view.sizes.slice(1).map(({ grid }) => grid)
    for (const { prompt, boxes } of questions) {
      const { topDown, bottomUp } = await view.probabilities(prompt)
      const { height, width } = topDown![0]!
      const drawn = boxesToMap(boxes, image, { height: 540, width: 540 })
      const inside = resizeArea({ ...drawn, data: Float32Array.from(drawn.data) }, { height, width })
      lifts.push({
        asked: `${name}: ${prompt}`,
        topDown: lift(topDown![0]!, inside),
        bottomUp: lift(bottomUp[0]!, inside),
      })
      const asked = selectBoxes(boxes, image, grids)
      recalls.push({
        topDown: boxRecall(topDown![0]!, asked, grids, 0.05),
        bottomUp: boxRecall(bottomUp[0]!, asked, grids, 0.05),
      })
    }
    view.dispose()
  }
  encoder.dispose()
  expect(lifts.length).toBeGreaterThanOrEqual(9)
  for (const { asked, topDown, bottomUp } of lifts) expect(topDown, asked).toBeGreaterThan(bottomUp)
  // Signs in photographs, of which training showed none.
  const inPhotographs = lifts.filter(({ asked }) => /^(china|coffee)/.test(asked))
  expect(inPhotographs).toHaveLength(4)
  for (const { asked, topDown } of inPhotographs) expect(topDown, asked).toBeGreaterThan(3)
  // What the card shows: .79 and .32.
  const topDown = mean(recalls.map((recall) => recall.topDown))
  expect(topDown).toBeGreaterThan(0.75)
  expect(topDown).toBeGreaterThan(mean(recalls.map((recall) => recall.bottomUp)) + 0.35)
}, 120_000)
