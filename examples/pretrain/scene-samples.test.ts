// What is asked about a scene: always as many questions, each with the boxes of everything that its words mean.
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ImageProcessor } from '@ps3js/ps3-encoder'
import { Random } from '@ps3js/tensor'
import { expect, it } from 'vitest'
import { picturePool, questions, sceneEvaluationSamples, sceneSamples } from './scene-samples.mjs'

const SIZE = { width: 3780, height: 3780 }

const objects = [
  { kind: 'shop sign', color: 'red', box: [0, 0, 300, 300] },
  { kind: 'street sign', color: 'red', box: [500, 0, 800, 200] },
  { kind: 'car', color: 'red', box: [0, 500, 600, 800] },
  { kind: 'page number', color: 'black', box: [900, 900, 930, 930] },
]

const ask = (form: string, from: typeof objects, seed: number) =>
  questions(from, { size: SIZE, count: 4, ask: form, random: new Random(seed) })

it('asks for all objects of a colour and kind, of which a shop sign is a sign', () => {
  const asked = Array.from({ length: 40 }, (_, seed) => ask('things', objects, seed)).flat()
  expect(asked).toHaveLength(160)
  const boxesOf = (text: string) => asked.find(({ caption }) => caption === text)?.boxes
  expect(boxesOf('the red sign')).toEqual([objects[0]!.box, objects[1]!.box])
  expect(boxesOf('something red')).toHaveLength(3)
  expect(boxesOf('a car')).toEqual([objects[2]!.box])
  // Too small to be asked for, of a colour that nothing is asked of, and too large a part of the picture.
  expect(boxesOf('the black number')).toBeUndefined()
  expect(ask('things', [{ kind: 'car', color: 'black', box: [0, 0, 500, 500] }], 1)).toEqual([])
  expect(ask('things', [{ kind: 'car', color: 'red', box: [0, 0, 1000, 1000] }], 1)).toEqual([])
})

it('asks for colours alone where a stage is to learn those', () => {
  expect(new Set(ask('colours', objects, 1).map(({ caption }) => caption))).toEqual(
    new Set(['something red']),
  )
})

it('draws a pool once, and goes on asking where it left off', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ps3-pool-'))
  try {
    const size = { width: 56, height: 56 }
    const processor = new ImageProcessor({
      image_size: [56, 56],
      mean: 0.5,
      std: 0.5,
      resize_mode: 'squash',
      interpolation: 'bicubic',
    })
    const drawn: number[] = []
    const pool = () =>
      picturePool({
        folder,
        scenes: 2,
        documents: 1,
        split: 'train',
        seed: 3,
        longSide: 960,
        processor,
        onPicture: (done: number) => drawn.push(done),
      })
    const [first] = await pool()
    expect(first!.size).toEqual(size)
    expect((await first!.read()).data).toHaveLength(56 * 56 * 3)
    expect(await readdir(folder)).toHaveLength(6)
    expect(await pool()).toMatchObject([{ objects: first!.objects }, {}, {}])
    expect(drawn).toEqual([1, 2, 3, 1, 2, 3])

    const { open } = sceneSamples({ seed: 0, captions: 2, ask: 'things', pool })
    const take = async (state: unknown, count: number) => {
      const taken: { caption: string; state: unknown }[] = []
      for await (const { sample, state: after } of open(state)) {
        taken.push({ caption: sample.caption, state: after })
        if (taken.length === count) return taken
      }
    }
    const whole = await take(null, 8)
    expect(await take(whole![3]!.state, 4)).toEqual(whole!.slice(4))

    const held = []
    for await (const sample of sceneEvaluationSamples({ captions: 2, ask: 'things', pool, seed: 1 })())
      held.push(sample)
    // Nothing coloured is on the page.
    expect(held).toHaveLength(4)
    expect(held[0]!.image).toBe(held[1]!.image)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
