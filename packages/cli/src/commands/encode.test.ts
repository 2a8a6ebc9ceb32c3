// `ps3 encode` from the command line to the files: what is written, and that nothing is when something is wrong.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { memory, openCheckpoint, useBackend } from '@ps3js/tensor'
import sharp from 'sharp'
import { beforeAll, describe, expect, it } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { filesBelow, ps3, squarePicture, tinyModel, widePicture } from '../cli.fixture.ts'

beforeAll(async () => {
  await useBackend('wasm')
})

const base = ['--model', tinyModel, '--backend', 'wasm']
const FILES = [
  'features.safetensors',
  'heatmap-scale1.png',
  'heatmap-scale2.png',
  'report.html',
  'selected.png',
]

/** Encodes into a fresh directory and hands out what was printed and written. */
async function encode<T>(
  args: readonly string[],
  check: (result: Awaited<ReturnType<typeof ps3>>, out: string) => Promise<T>,
): Promise<T> {
  return inTempDir(async (directory) => {
    const out = join(directory, 'out')
    return check(await ps3(['encode', ...args, ...base, '--out', out]), out)
  })
}

/** The one picture of `--json`. */
async function summaryOf(args: readonly string[]) {
  return encode([...args, '--json'], async ({ status, stdout, stderr }) => {
    expect(stderr).toBe('')
    expect(status).toBe(0)
    return JSON.parse(stdout).pictures[0]
  })
}

describe('ps3 encode', () => {
  it('writes features, overlays and a report, prints lines, and leaves no tensor behind', async () => {
    const before = memory().numTensors
    await encode([widePicture, '--hidden-states', '1'], async ({ status, stdout, stderr }, out) => {
      expect(stderr).toBe('')
      expect(status).toBe(0)
      expect(stdout).toContain('64 of 320 patches looked at closely (20.0 %)')
      expect(stdout).toContain(join(out, 'report.html'))
      expect(await filesBelow(join(out, '..'))).toEqual(FILES.map((name) => `out/${name}`))

      const features = await openCheckpoint(join(out, 'features.safetensors'))
      const { shape } = features.info('tokens')
      expect(shape).toEqual([16 + 64, 48])
      expect(features.info('low_res_grid').shape).toEqual([4, 4, 48])
      expect(features.info('hidden.1').shape).toEqual(shape)
      expect(features.info('probabilities').shape).toEqual([4, 4])
      const read = async (name: string) => [...((await features.readTyped(name)) as Int32Array)]
      const [scale, row, column, look] = await Promise.all(['scale', 'row', 'column', 'look'].map(read))
      expect(scale!.filter((s) => s === 0)).toHaveLength(16)
      // The maps and the tokens' places say the same.
      for (const [s, width] of [
        [1, 8],
        [2, 16],
      ] as const) {
        const map = await read(`selection.${s}`)
        const placed = scale!.flatMap((at, i) => (at === s ? [row![i]! * width + column![i]!] : []))
        expect(placed).toEqual(map.flatMap((value, i) => (value === 1 ? [i] : [])))
      }
      expect(look!.slice(0, 16)).toEqual(Array(16).fill(-1))
      expect(new Set(look!.slice(16))).toEqual(new Set([0]))
      const tokens = await features.readFloat32('tokens')
      expect(await features.readFloat32('low_res_grid')).toEqual(tokens.slice(0, 16 * 48))
      expect(features.metadata).toMatchObject({
        picture: widePicture,
        picture_size: '291x136',
      })
      await features.close()

      const { width, height } = await sharp(join(out, 'selected.png')).metadata()
      expect(width! / height!).toBeCloseTo(291 / 136, 1)
    })
    expect(memory().numTensors).toBe(before)
  })

  it('makes a report that asks nothing of any server and escapes what it shows', async () => {
    await encode([squarePicture, '--prompt', 'a <b>"sign"</b> & more'], async ({ status }, out) => {
      expect(status).toBe(0)
      const html = await readFile(join(out, 'report.html'), 'utf8')
      expect(html).not.toMatch(/https?:|<script|<link|@import|url\(/)
      expect([...html.matchAll(/src="([^"]{0,22})/g)].map((match) => match[1])).toEqual(
        Array(4).fill('data:image/jpeg;base64'),
      )
      expect(html).not.toContain('<b>"sign"')
      expect(html).toContain('64 of 320')
    })
  })

  it('encodes with the built-in model when no other is named', async () => {
    await inTempDir(async (directory) => {
      const small = join(directory, 'small.png')
      await sharp({ create: { width: 40, height: 30, channels: 3, background: '#357' } })
        .png()
        .toFile(small)
      const out = join(directory, 'out')
      // A handful of tokens keeps the true 4K geometry quick.
      const { status, stdout } = await ps3([
        'encode',
        small,
        '--backend',
        'wasm',
        '--tokens',
        '20',
        '--out',
        out,
      ])
      expect(status).toBe(0)
      expect(stdout).toContain('20 of 87,480 patches')
      expect(await readFile(join(out, 'report.html'), 'utf8')).toContain('encoded by PS3-Tiny')
      expect(await filesBelow(out)).toContain('heatmap-scale3.png')
    })
  })

  it('follows looks, tokens, per-scale budgets, first scales, coverage and boxes', async () => {
    const taken = async (...args: string[]) => {
      const { tokens, scales } = await summaryOf([squarePicture, ...args])
      return {
        perLook: tokens.perLook,
        selected: scales.slice(1).map((s: { selected: number }) => s.selected),
      }
    }
    expect(await taken('--looks', '2')).toEqual({ perLook: [64, 64], selected: [24, 104] })
    expect((await taken('--looks', 'all')).selected).toEqual([64, 256])
    expect((await taken('--tokens', '100')).perLook).toEqual([64, 36])
    expect(await taken('--per-scale', '10,20')).toEqual({ perLook: [30], selected: [10, 20] })
    expect(await taken('--tokens', '30', '--scales', '1')).toEqual({ perLook: [30], selected: [30, 0] })
    const half = await taken('--coverage', '0.5')
    // Half of the probability sits in at most half of the patches, as the most probable come first.
    expect(half.selected[1]).toBeLessThanOrEqual(128)
    expect((await taken('--looks', 'all', '--box', '0,0,14,14', '210,210,224,224')).selected).toEqual([2, 2])
    // A quarter of the picture holds a quarter of the patches.
    expect((await taken('--looks', 'all', '--box', '0,0,112,112')).selected).toEqual([16, 64])
    expect(
      (await taken('--looks', 'all', '--box', '0,0,14,14', '--box', '210,210,224,224')).selected,
    ).toEqual([2, 2])
  })

  it('takes boxes in pixels of the picture, whatever the model resizes it to', async () => {
    const { scales } = await summaryOf([widePicture, '--looks', 'all', '--box', '0,0,145.5,68'])
    expect(scales.slice(1).map((s: { selected: number }) => s.selected)).toEqual([16, 64])
  })

  it('stores features in half precision on request', async () => {
    await encode([squarePicture, '--dtype', 'bf16'], async ({ status }, out) => {
      expect(status).toBe(0)
      const features = await openCheckpoint(join(out, 'features.safetensors'))
      expect(features.info('tokens').dtype).toBe('BF16')
      expect(features.info('probabilities').dtype).toBe('F32')
      await features.close()
    })
  })

  it('gives several pictures a folder each, numbered where names are alike', async () => {
    await encode([squarePicture, widePicture, squarePicture], async ({ status }, out) => {
      expect(status).toBe(0)
      const folders = ['224x224_s1012', '224x224_s1012-2', '291x136_s1021']
      expect(await filesBelow(out)).toEqual(
        folders.flatMap((folder) => FILES.map((name) => `${folder}/${name}`)).sort(),
      )
    })
  })

  it('replaces an earlier result and keeps files of others', async () => {
    await inTempDir(async (directory) => {
      await writeFile(join(directory, 'notes.txt'), 'mine')
      await writeFile(join(directory, 'report.html'), 'old')
      expect((await ps3(['encode', squarePicture, ...base, '--out', directory])).status).toBe(0)
      expect(await filesBelow(directory)).toEqual([...FILES, 'notes.txt'].sort())
      expect(await readFile(join(directory, 'report.html'), 'utf8')).toMatch(/^<!doctype html>/)
    })
  })
})
