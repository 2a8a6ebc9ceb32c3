// Packed weights: what they cost in accuracy on recorded models, and that files of them load to the same numbers.
import { readFile, writeFile } from 'node:fs/promises'
import {
  CheckpointError,
  ConfigError,
  openCheckpoint,
  PACKED_FORMATS,
  type PackedFormat,
  tensorData,
  tidy,
  useBackend,
  writeSharded,
} from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { BACKENDS } from '../../../../tools/backends.ts'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { expectNoLeak, largestDifference } from '../../../../tools/test-support.ts'
import { float32Layers, generate, loadModel, packedLayers, type Qwen2, saveModel } from '../index.ts'
import { folderOf, RECORDED, readRecorded } from '../recorded.fixture.ts'
import { type QuantizedFormat, quantizedConfig, quantizedTensors } from './quantize.ts'

const original = (name: string) => `${folderOf(name)}/model`

const withQuantized = (name: string, format: QuantizedFormat, use: (folder: string) => Promise<void>) =>
  inTempDir(async (folder) => {
    const checkpoint = await openCheckpoint(original(name))
    try {
      await writeSharded(folder, quantizedTensors(checkpoint, format))
    } finally {
      await checkpoint.close()
    }
    const config = JSON.parse(await readFile(`${original(name)}/config.json`, 'utf8'))
    await writeFile(`${folder}/config.json`, JSON.stringify(quantizedConfig(config, format)))
    await use(folder)
  })

async function logitsOf(model: Qwen2, ids: number[][]): Promise<Float32Array> {
  const logits = tidy(() => {
    const parts = ids.map(({ length }) => ({ length }))
    return model.logits(model.forward(model.embed(ids.flat()), parts).last)
  })
  const values = (await tensorData(logits)).slice() as Float32Array
  logits.dispose()
  return values
}

/** Root mean square of the difference over that of the values. */
function relativeError(got: Float32Array, want: Float32Array): number {
  const squares = (values: Float32Array) => values.reduce((sum, value) => sum + value * value, 0)
  return Math.sqrt(squares(got.map((value, i) => value - want[i]!)) / squares(want))
}

/**
 * Of the logits of recorded models: rounding errors of the formats, carried through three layers. Random weights are the
 * worst case for few bits, since nothing in them is redundant: int4 rounds them by 8 % of their size.
 */
const ERRORS: Record<PackedFormat, number> = { bf16: 0.02, f16: 0.003, int8: 0.03, int4: 0.5 }

for (const [backend, describeBackend] of BACKENDS) {
  describeBackend(`packed weights on ${backend}`, () => {
    beforeAll(() => useBackend(backend))

    it.each(PACKED_FORMATS)(
      '%s: logits stay near those of float32, token by token as all at once',
      async (format) => {
        const { rows } = await readRecorded('qwen2-untied')
        const ids = await rows('ids')
        await expectNoLeak(async () => {
          const exact = await loadModel(original('qwen2-untied'))
          const packed = await loadModel(original('qwen2-untied'), { layers: packedLayers(format) })
          const logits = await logitsOf(packed, ids)
          expect(relativeError(logits, await logitsOf(exact, ids))).toBeLessThan(ERRORS[format])
          // A sequence of one token goes the way of few rows; another order of sums moves values of 20 by 1e-5.
          const first = ids.map((row) => row.slice(0, 1))
          const width = packed.config.vocabSize
          const alone = await logitsOf(packed, first.slice(0, 1))
          expect(largestDifference(alone, logits.slice(0, width))).toBeLessThan(2e-4)
          exact.dispose()
          packed.dispose()
        })
      },
    )

    it.each(RECORDED)('%s: a quantised file gives what rounding while loading gives', async (name) => {
      const ids = (await (await readRecorded(name)).rows('ids')).slice(0, 1)
      for (const format of ['int8', 'int4'] as const) {
        await withQuantized(name, format, async (folder) => {
          await expectNoLeak(async () => {
            const [file, rounded] = [
              await loadModel(folder),
              await loadModel(original(name), { layers: packedLayers(format) }),
            ]
            expect(file.byteLength).toBe(rounded.byteLength)
            expect(await logitsOf(file, ids)).toEqual(await logitsOf(rounded, ids))
            const tokens: number[] = []
            for await (const { id } of generate(file, [{ prompt: ids[0]! }], { maxTokens: 3 }))
              tokens.push(id)
            expect(tokens).toHaveLength(3)
            file.dispose()
            rounded.dispose()
          })
        })
      }
    })
  })
}

describe('quantised files', () => {
  beforeAll(() => useBackend('cpu'))

  const withConfig = (folder: string, quantization: unknown) =>
    readFile(`${folder}/config.json`, 'utf8').then((text) =>
      writeFile(
        `${folder}/config.json`,
        JSON.stringify({ ...JSON.parse(text), quantization_config: quantization }),
      ),
    )

  it('are refused where their quantisation is not ours, with the remedy', async () => {
    await withQuantized('qwen2-tied', 'int8', async (folder) => {
      const ours = { quant_method: 'ps3', bits: 8, group_size: 32 }
      for (const [config, message] of [
        [{ quant_method: 'gptq', bits: 4, group_size: 128 }, "take the model's unquantised checkpoint"],
        [{ ...ours, bits: 3 }, 'only 8 and 4 bits'],
        [{ ...ours, group_size: 64 }, 'only groups of 32'],
      ] as const) {
        await withConfig(folder, config)
        await expect(loadModel(folder)).rejects.toThrow(message)
        await expect(loadModel(folder)).rejects.toThrow(ConfigError)
      }
    })
  })

  it('are refused where configuration, layers and file disagree, and nothing stays behind', async () => {
    await withQuantized('qwen2-tied', 'int8', async (folder) => {
      await expectNoLeak(async () => {
        await expect(loadModel(folder, { layers: float32Layers })).rejects.toThrow('is quantised, but')
        await withConfig(folder, { quant_method: 'ps3', bits: 4, group_size: 32 })
        await expect(loadModel(folder)).rejects.toThrow(
          'down_proj.weight is [64,192], the model wants [64,176]',
        )
        await withConfig(folder, null)
        await expect(loadModel(folder)).rejects.toThrow(CheckpointError)
      })
    })
  })

  it('cannot be quantised, trained or saved again', async () => {
    const config = JSON.parse(await readFile(`${original('qwen2-tied')}/config.json`, 'utf8'))
    expect(() => quantizedConfig(quantizedConfig(config, 'int8'), 'int4')).toThrow('int8 already')
    const model = await loadModel(original('qwen2-tied'), { layers: packedLayers('bf16') })
    await expect(saveModel(model, 'nowhere')).rejects.toThrow('packed as bf16')
    model.dispose()
  })
})
