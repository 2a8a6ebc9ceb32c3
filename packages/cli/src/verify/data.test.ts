// Recorded cases of the data pipeline: all agree, and nothing that was tampered with passes.

import { fileURLToPath } from 'node:url'
import { useBackend } from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { directoryStore } from './directory-store.ts'
import { nodeKinds } from './node-kinds.ts'
import { editJson, editTensors, withFile } from './recorded.fixture.ts'
import { verify } from './run.ts'
import type { FixtureStore } from './store.ts'

const recorded = (name: string) =>
  directoryStore(fileURLToPath(new URL(`../../../data-pipeline/fixtures/${name}`, import.meta.url)))

const replay = (store: FixtureStore) => verify(store, { nodeKinds })

beforeAll(() => useBackend('cpu'))

describe('recorded cases', () => {
  it.each([
    ['boxes', 'boxes 95', 100],
    ['text', 'combine 9', 36],
  ])('of %s agree', async (folder, name, least) => {
    const { ok, cases } = await replay(await recorded(folder))
    expect(cases.filter((one) => !one.ok)).toEqual([])
    expect(ok).toBe(true)
    expect(cases.map((one) => one.name)).toContain(name)
    expect(cases.length).toBeGreaterThanOrEqual(least)
  })
})

describe('tampering', () => {
  const boxes = (change: (value: Record<string, never>) => void) =>
    ['boxes', 'case.json', editJson(change)] as const
  const texts = (file: string, change: (value: Record<string, never>) => void) =>
    ['text', file, editJson(change)] as const

  // biome-ignore lint/suspicious/noExplicitAny: recorded JSON of several shapes, changed in one place each
  type Loose = any
  it.each<[string, readonly [string, string, Parameters<typeof withFile>[2]], RegExp]>([
    [
      'a box',
      boxes((v: Loose) => {
        v.cases[1].boxes_after[0][2] += 1e-5
      }),
      /^boxes 1: boxes_after$/,
    ],
    ['a count of ones', boxes((v: Loose) => void v.cases[3].ones--), /^boxes 3: ones$/],
    [
      'a crop',
      boxes((v: Loose) => void v.random_resized_crop.draws[0].crop.left++),
      /^crop of 120x90: crop$/,
    ],
    [
      'a draw',
      boxes((v: Loose) => void v.random_resized_crop.draws[0].calls.pop()),
      /^crop of 120x90: crop$/,
    ],
    [
      'the bound of a draw',
      boxes((v: Loose) => {
        v.random_resized_crop.draws[0].calls[0][2] = 1.1
      }),
      /^crop of/,
    ],
    [
      'a map',
      ['boxes', 'tensors.safetensors', editTensors((t) => void t.get('2.map')!.values.fill(1, 0, 1))],
      /^boxes 2: map$/,
    ],
    [
      'a pixel',
      ['boxes', 'tensors.safetensors', editTensors((t) => void t.get('16.image_u8')!.values[99]!++)],
      /^boxes 16: image_u8$/,
    ],
    [
      'a map that is missing',
      ['boxes', 'tensors.safetensors', editTensors((t) => void t.delete('2.map'))],
      /^boxes 2: case$/,
    ],
    [
      'a filtered caption',
      texts('captions.json', (v: Loose) => {
        v.filter_keywords[0].output += ' '
      }),
      /^filters: filter 0$/,
    ],
    [
      'a masked caption',
      texts('captions.json', (v: Loose) => {
        v.sentence_masking[0].randint_calls[0][1] = 3
      }),
      /^masking: masking 0$/,
    ],
    [
      'a merged caption',
      texts('captions.json', (v: Loose) => void v.sentence_merging[1].sample_calls[0].n++),
      /^merging: merging 1$/,
    ],
    [
      'a cleaned text',
      texts('clean.json', (v: Loose) => {
        v.cases[0].lower = 'Hello'
      }),
      /^clean 0: lower$/,
    ],
    [
      'a choice',
      texts('combine.json', (v: Loose) => {
        v.cases[2].samples[0].sample.is_global_text = false
      }),
      /^combine 2: sample 0$/,
    ],
    [
      'what the reference refuses',
      texts('combine.json', (v: Loose) => {
        v.cases[2].samples[0].reference_raises = 'KeyError'
      }),
      /^combine 2: sample 0$/,
    ],
    ['broken JSON', ['text', 'combine.json', (bytes) => bytes.slice(0, 100)], /^combine.json: combine.json$/],
  ])('with %s is noticed', async (_, [folder, file, edit], fails) => {
    const report = await replay(withFile(await recorded(folder), file, edit))
    const failed = report.cases.flatMap((one) =>
      one.outputs.filter((output) => !output.ok).map((output) => `${one.name}: ${output.name}`),
    )
    expect(failed).toEqual([expect.stringMatching(fails)])
    expect(report.ok).toBe(false)
  })
})
