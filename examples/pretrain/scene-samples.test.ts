// What is asked about a scene: always as many questions, each with the boxes of everything that its words mean.
import { Random } from '@ps3js/tensor'
import { expect, it } from 'vitest'
import { questions } from './scene-samples.mjs'

const objects = [
  { kind: 'shop sign', color: 'red', caption: 'the shop sign that says DELI', box: [0, 0, 300, 300] },
  { kind: 'street sign', color: 'red', caption: 'the street sign', box: [500, 0, 800, 200] },
  { kind: 'car', color: 'red', caption: 'the car', box: [0, 500, 600, 800] },
  { kind: 'page number', color: 'black', caption: 'the page number 3', box: [900, 900, 930, 930] },
].map((object) => ({ ...object, text: '', minResolution: 500 }))

it('asks for all objects of a colour and kind, of which a shop sign is a sign', () => {
  const asked = Array.from({ length: 40 }, (_, seed) => questions(objects, 4, new Random(seed))).flat()
  expect(asked).toHaveLength(160)
  const boxesOf = (text: string) => asked.find(({ caption }) => caption === text)?.boxes
  expect(boxesOf('the red sign')).toEqual([objects[0]!.box, objects[1]!.box])
  expect(boxesOf('the red shop sign')).toEqual([objects[0]!.box])
  expect(boxesOf('something red')).toHaveLength(3)
  expect(boxesOf('the small print')).toBeUndefined()
})
