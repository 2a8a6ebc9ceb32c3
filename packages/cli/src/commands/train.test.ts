// `ps3 train`, `ps3 eval` and `ps3 encode` on what was trained: from shards to a table, stopped in between.

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ShardWriter } from '@ps3js/data-pipeline'
import { memory, Random, useBackend } from '@ps3js/tensor'
import sharp from 'sharp'
import { beforeAll, describe, expect, it } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { tinyModel as mapModel, ps3, squarePicture } from '../cli.fixture.ts'

beforeAll(async () => {
  await useBackend('wasm')
})

/** A recorded model that selects by hidden states alone: the map of 1512 pixels takes seconds a step. */
const tinyModel = mapModel.replace('siglip-tiny3', 'siglip-tiny3-plain')

const COLORS = { red: '#e01010', green: '#10c010', blue: '#1010e0' }

/** Pictures of 224 pixels with one coloured square each, in two shards. */
async function writeShards(directory: string): Promise<void> {
  const random = new Random(4)
  const writer = await ShardWriter.open(directory, { layout: 'single', maxSamples: 6 })
  for (let i = 0; i < 12; i++) {
    const [name, background] = Object.entries(COLORS)[i % 3]!
    const [left, top] = [random.integer(150), random.integer(150)]
    const square = sharp({ create: { width: 60, height: 60, channels: 3, background } }).png()
    const picture = await sharp({ create: { width: 224, height: 224, channels: 3, background: '#404040' } })
      .composite([{ input: await square.toBuffer(), left, top }])
      .png()
      .toBuffer()
    const record = { text: [`a ${name} square`], box: [[left, top, left + 60, top + 60]] }
    await writer.add({ key: `s${i}`, picture, record })
  }
  await writer.finish()
}

/** The recorded tiny model, trained for six steps on shards beside the configuration. */
async function writeConfig(directory: string): Promise<string> {
  const path = join(directory, 'tiny.yaml')
  const shards = (await readdir(join(directory, 'data'))).filter((name) => name.endsWith('.tar')).sort()
  expect(shards).toHaveLength(2)
  const pattern = `data/{${shards.join(',')}}`
  await writeFile(
    path,
    `model: { from: ${tinyModel}, initializeFrom: ${tinyModel} }
data: { shards: '${pattern}' }
batch: 4
steps: 6
optimizer: { learningRate: 1e-4 }
schedule: { warmupSteps: 2 }
log: { every: 2, imagesEvery: 3 }
evaluation: { shards: '${pattern}', every: 3, samples: 5, budgets: [0.1] }
checkpoint: { every: 2 }
`,
  )
  return path
}

describe('ps3 train and ps3 eval', () => {
  it('from shards to a model that encodes', async () => {
    await inTempDir(async (directory) => {
      await writeShards(join(directory, 'data'))
      const config = await writeConfig(directory)
      const out = join(directory, 'run')
      const before = memory().numTensors

      const printed = await ps3(['train', config, '--print-config'])
      expect(printed).toMatchObject({ status: 0, stdout: expect.stringContaining('weightDecay: 0.0003') })

      const trained = await ps3(['train', config, '--out', out, '--backend', 'wasm'])
      expect(trained.stderr).toBe('')
      expect(trained.status).toBe(0)
      expect(trained.stdout).toMatch(/tensors from the checkpoint, 0 begin at random/)
      expect(trained.stdout).toMatch(/step 2: total [\d.]+, .*images\/s, .*of the matmul peak, .* left/)
      expect(trained.stdout).toMatch(/6 steps done; the model is in .*run\/latest; the best, of step [36] /)

      const again = await ps3(['train', config, '--out', out, '--backend', 'wasm'])
      expect(again).toMatchObject({ status: 1, stderr: expect.stringContaining('holds a run already') })

      const data = join(directory, 'data', '*').replace(
        '*',
        (await readdir(join(directory, 'data'))).find((name) => name.endsWith('.tar'))!,
      )
      const table = await ps3(['eval', out, '--data', data, '--budgets', '0.1,0.3', '--backend', 'wasm'])
      expect(table.stderr).toBe('')
      expect(table.stdout).toMatch(/^6 samples\n\nretrieval +R@1 +R@5 +R@10 +mean rank +median rank\n/)
      expect(table.stdout).toMatch(/selection recall at +10% +30%\nasked for \(top-down\) +\d/)
      await writeFile(join(directory, 'classes.txt'), 'red\ngreen\nblue\n')
      const classes = join(directory, 'classes.txt')
      const flags = ['--data', data, '--classes', classes, '--samples', '4', '--json', '--backend', 'wasm']
      const json = JSON.parse((await ps3(['eval', join(out, 'latest'), ...flags])).stdout)
      expect(json).toMatchObject({ samples: 4, zeroShot: { classes: 3, samples: 4, top5: 1 } })

      const encoded = await ps3([
        'encode',
        squarePicture,
        '--model',
        join(out, 'latest'),
        '--prompt',
        'a red square',
        '--backend',
        'wasm',
        '--out',
        join(directory, 'encoded'),
      ])
      expect(encoded).toMatchObject({ status: 0, stderr: '' })
      expect(memory().numTensors).toBe(before)
    })
  })

  it('Ctrl-C: a checkpoint, how to go on, and the same end', async () => {
    await inTempDir(async (directory) => {
      await writeShards(join(directory, 'data'))
      const config = await writeConfig(directory)
      const [whole, stopped] = [join(directory, 'whole'), join(directory, 'stopped')]
      expect((await ps3(['train', config, '--out', whole, '--backend', 'wasm'])).status).toBe(0)
      const controller = new AbortController()
      const running = ps3(['train', config, '--out', stopped, '--backend', 'wasm'], controller.signal)
      const log = join(stopped, 'log.jsonl')
      while (!(await readFile(log, 'utf8').catch(() => ''))) await new Promise((done) => setTimeout(done, 10))
      controller.abort()
      expect(await running).toMatchObject({
        status: 130,
        stdout: expect.stringContaining(`go on with: ps3 train --resume ${stopped}`),
      })
      expect((await ps3(['train', '--resume', stopped, '--backend', 'wasm'])).status).toBe(0)
      for (const name of ['model.safetensors', 'optimizer.safetensors', 'training.json']) {
        const [a, b] = await Promise.all([whole, stopped].map((run) => readFile(join(run, 'latest', name))))
        expect(a!.equals(b!), name).toBe(true)
      }
    })
  })

  it('mistakes say what to do', async () => {
    await inTempDir(async (directory) => {
      const config = join(directory, 'wrong.yaml')
      await writeFile(config, 'model: { preset: PS3-4K-SigLIP }\nsteps: 2\noptimzer: {}\n')
      const failing = async (...args: string[]) => (await ps3(args)).stderr
      expect(await failing('train', config)).toMatch(
        /wrong\.yaml is not valid:\n {2}optimzer: .* did you mean optimizer\?/,
      )
      expect(await failing('train')).toMatch(/give a configuration to begin a run, or --resume DIR/)
      expect(await failing('train', join(directory, 'no.yaml'))).toMatch(
        /cannot read .*no\.yaml: there is no such file/,
      )
      expect(await failing('train', '--resume', directory)).toMatch(/holds no run: there is no config\.yaml/)
      await mkdir(join(directory, 'empty'))
      expect(await failing('eval', tinyModel, '--data', join(directory, 'none.tar'))).toMatch(/none\.tar/)
    })
  })
})
