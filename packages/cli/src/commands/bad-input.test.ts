// What can be wrong on the command line: one line that names the thing, exit status 1, and no output at all.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { memory, useBackend } from '@ps3js/tensor'
import sharp from 'sharp'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { filesBelow, ps3, squarePicture, tinyModel } from '../cli.fixture.ts'

beforeAll(async () => {
  await useBackend('wasm')
})
afterEach(() => {
  vi.unstubAllEnvs()
})

const model = ['--model', tinyModel]

/** Arguments after `encode`, in a directory that holds `empty.jpg`, `broken.png`, `text.jpg` and `file`. */
const table: [what: string, args: (directory: string) => string[], message: RegExp][] = [
  ['a missing picture', (d) => [join(d, 'nowhere.jpg'), ...model], /nowhere\.jpg/],
  ['an empty picture', (d) => [join(d, 'empty.jpg'), ...model], /empty\.jpg.*(empty|nothing)/],
  ['a truncated picture', (d) => [join(d, 'broken.png'), ...model], /broken\.png/],
  ['a picture that is text', (d) => [join(d, 'text.jpg'), ...model], /text\.jpg/],
  ['a directory as picture', (d) => [d, ...model], /is a folder/],
  [
    'a second picture that is missing',
    (d) => [squarePicture, join(d, 'nowhere.jpg'), ...model],
    /nowhere\.jpg/,
  ],
  ['an unknown backend', () => [squarePicture, ...model, '--backend', 'abacus'], /"abacus".*wasm/],
  ['a missing model', (d) => [squarePicture, '--model', join(d, 'no-model')], /no-model/],
  ['a directory without a model', (d) => [squarePicture, '--model', d], /config\.json/],
  ['more tokens than there are', () => [squarePicture, ...model, '--tokens', '321'], /--tokens 321.*320/],
  ['more tokens of a scale than it has', () => [squarePicture, ...model, '--per-scale', '65,1'], /65.*64/],
  ['a budget of nothing', () => [squarePicture, ...model, '--per-scale', '0,0'], /budget/],
  [
    'a budget for too many scales',
    () => [squarePicture, ...model, '--per-scale', '1,2,3'],
    /budget.*2|2.*budget/,
  ],
  ['too many scales', () => [squarePicture, ...model, '--scales', '3'], /firstScales.*2|--scales/],
  ['looks and tokens', () => [squarePicture, ...model, '--looks', '2', '--tokens', '5'], /give one of them/],
  ['a count that is no number', () => [squarePicture, ...model, '--looks', 'some'], /--looks some.*all/],
  ['a negative count', () => [squarePicture, ...model, '--tokens=-1'], /--tokens -1/],
  ['a coverage above 1', () => [squarePicture, ...model, '--coverage', '1.5'], /--coverage 1\.5/],
  ['a box of three numbers', () => [squarePicture, ...model, '--box', '1,2,3'], /--box 1,2,3.*x1,y1,x2,y2/],
  [
    'a box that ends before it starts',
    () => [squarePicture, ...model, '--box', '9,9,1,20'],
    /--box 9,9,1,20/,
  ],
  ['a box outside', () => [squarePicture, ...model, '--box', '300,0,400,10'], /224 x 224/],
  ['a layer that is not there', () => [squarePicture, ...model, '--hidden-states', '9'], /layer 9/],
  ['an unknown number type', () => [squarePicture, ...model, '--dtype', 'f8'], /--dtype f8.*bf16/],
]

describe('ps3 encode with bad input', () => {
  it.each(table)('%s', async (_, args, message) => {
    await inTempDir(async (directory) => {
      await writeFile(join(directory, 'empty.jpg'), '')
      await writeFile(join(directory, 'text.jpg'), 'not a picture at all')
      const png = await sharp({ create: { width: 64, height: 64, channels: 3, background: 'red' } })
        .png()
        .toBuffer()
      await writeFile(join(directory, 'broken.png'), png.subarray(0, png.length / 2))
      const files = await filesBelow(directory)
      const tensors = memory().numTensors
      const given = args(directory)
      const backend = given.includes('--backend') ? [] : ['--backend', 'wasm']
      const out = join(directory, 'deep/out')
      const { status, stdout, stderr } = await ps3(['encode', ...given, ...backend, '--out', out])
      expect(stderr).toMatch(message)
      expect(stderr).toMatch(/^ps3: [^\n]+\n$/)
      expect(stderr).not.toContain('unexpected error')
      expect(stdout).toBe('')
      expect(status).toBe(1)
      expect(await filesBelow(directory), 'partial output').toEqual(files)
      expect(memory().numTensors, 'tensors left behind').toBe(tensors)
    })
  })

  it('an output place that cannot be written to', async () => {
    await inTempDir(async (directory) => {
      await writeFile(join(directory, 'file'), 'mine')
      for (const out of [join(directory, 'file'), join(directory, 'file/out')]) {
        const { status, stderr } = await ps3([
          'encode',
          squarePicture,
          ...model,
          '--backend',
          'wasm',
          '--out',
          out,
        ])
        expect(stderr).toMatch(/^ps3: cannot [^\n]*file[^\n]*\n$/)
        expect(status).toBe(1)
      }
      expect(await filesBelow(directory)).toEqual(['file'])
    })
  })
})

describe('how errors are shown', () => {
  it('usage mistakes end with 2 and say so on stderr', async () => {
    for (const args of [
      ['encode'],
      ['encode', squarePicture, '--frobnicate'],
      ['frobnicate'],
      ['convert', 'one'],
    ]) {
      const { status, stdout, stderr } = await ps3(args)
      expect(stderr).toMatch(/^error: /)
      expect(stdout).toBe('')
      expect(status).toBe(2)
    }
  })

  it('help and version go to stdout and end with 0', async () => {
    const help = await ps3(['encode', '--help'])
    expect(help).toMatchObject({ status: 0, stderr: '' })
    expect(help.stdout).toContain('--per-scale')
    expect(await ps3(['--version'])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+/),
    })
  })

  it('DEBUG=ps3 adds the stack', async () => {
    vi.stubEnv('DEBUG', 'ps3')
    const { stderr } = await ps3(['encode', squarePicture, ...model, '--dtype', 'f8'])
    expect(stderr).toMatch(/InvalidArgumentError: .*\n\s+at /)
  })
})
