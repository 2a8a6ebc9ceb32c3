// `ps3 convert` and `ps3 info`: other types, shards and names, and back to the same bytes.

import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadModel } from '@ps3js/language-model'
import { loadPretrained, type PS3Encoder } from '@ps3js/ps3-encoder'
import { type Parameter, useBackend } from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { filesBelow, ps3, tinyModel } from '../cli.fixture.ts'

beforeAll(async () => {
  await useBackend('cpu')
})

async function convert(...args: string[]): Promise<void> {
  const { status, stderr } = await ps3(['convert', ...args])
  expect(stderr).toBe('')
  expect(status).toBe(0)
}

async function infoOf(directory: string) {
  const { status, stdout } = await ps3(['info', directory, '--json'])
  expect(status).toBe(0)
  return JSON.parse(stdout)
}

async function withEncoder<T>(directory: string, use: (encoder: PS3Encoder) => Promise<T>): Promise<T> {
  const { encoder } = await loadPretrained(directory)
  try {
    return await use(encoder)
  } finally {
    encoder.dispose()
  }
}

const parametersOf = (directory: string) =>
  withEncoder(directory, async (encoder) => {
    const values = await Promise.all(
      [...encoder.namedParameters()].map(async ([path, p]) => [path, await p.value.data()] as const),
    )
    return new Map(values.map(([path, data]) => [path, [...data]]))
  })

describe('ps3 convert', () => {
  it('goes to OpenCLIP names and back to the same bytes', async () => {
    await inTempDir(async (directory) => {
      const [clip, back] = [join(directory, 'clip'), join(directory, 'back')]
      await convert(tinyModel, clip, '--to', 'openclip')
      expect(await infoOf(clip)).toMatchObject({ layout: 'openclip', kind: 'vision and text' })
      expect(await parametersOf(clip)).toEqual(await parametersOf(tinyModel))
      await convert(clip, back, '--to', 'hf')
      const bytes = await Promise.all([tinyModel, back].map((d) => readFile(join(d, 'model.safetensors'))))
      // The header may name its metadata differently; the tensors after it are the same.
      const data = bytes.map((b) => b.subarray(8 + Number(b.readBigUInt64LE(0))))
      expect(data[0]!.equals(data[1]!)).toBe(true)
    })
  })

  it('splits into shards that load as one, in half precision', async () => {
    await inTempDir(async (directory) => {
      const out = join(directory, 'half')
      await convert(tinyModel, out, '--dtype', 'f16', '--shard-size', '200kB')
      const files = await filesBelow(out)
      expect(files.filter((name) => /^model-\d{5}-of-\d{5}\.safetensors$/.test(name)).length).toBeGreaterThan(
        2,
      )
      expect(files).toContain('model.safetensors.index.json')
      const [before, after] = await Promise.all([infoOf(tinyModel), infoOf(out)])
      expect(Object.keys(after.dtypes)).toEqual(['F16'])
      expect(after.total.parameters).toBe(before.total.parameters)
      expect(after.total.bytes).toBe(before.total.bytes / 2)
      const [original, halved] = [await parametersOf(tinyModel), await parametersOf(out)]
      for (const [path, values] of original) {
        const worst = values.reduce(
          // Half precision keeps 11 bits; below 2^-14 the step is 2^-24.
          (w, v, i) =>
            Math.max(w, Math.abs(v - halved.get(path)![i]!) - Math.max(Math.abs(v) * 2 ** -11, 2 ** -25)),
          0,
        )
        expect(worst, path).toBe(0)
      }
    })
  })

  it('brings a tokenizer along that lay beside the model', async () => {
    await inTempDir(async (directory) => {
      const out = join(directory, 'deep/copy')
      await convert(tinyModel, out)
      expect(await filesBelow(out)).toContain('tokenizer/tokenizer.json')
      await withEncoder(out, async (encoder) => {
        const { pooled, prompt } = await encoder.encodeText(['a sign'])
        expect(prompt.shape).toEqual([1, 48])
        pooled.dispose()
        prompt.dispose()
      })
    })
  })

  it('refuses a directory that is not empty, unless told; then no old shard stays', async () => {
    await inTempDir(async (directory) => {
      await convert(tinyModel, directory, '--shard-size', '200kB')
      await writeFile(join(directory, 'notes.txt'), 'mine')
      const refused = await ps3(['convert', tinyModel, directory])
      expect(refused.stderr).toMatch(/not empty.*--force/)
      expect(refused.status).toBe(1)
      await convert(directory, directory, '--force', '--dtype', 'bf16')
      const weights = (await filesBelow(directory)).filter((name) => name.startsWith('model'))
      expect(weights).toEqual(['model.safetensors'])
      expect(await readFile(join(directory, 'notes.txt'), 'utf8')).toBe('mine')
      expect(Object.keys((await infoOf(directory)).dtypes)).toEqual(['BF16'])
    })
  })

  it('leaves nothing behind when the weights are damaged', async () => {
    await inTempDir(async (directory) => {
      const broken = join(directory, 'broken')
      await mkdir(broken)
      await cp(join(tinyModel, 'config.json'), join(broken, 'config.json'))
      const whole = await readFile(join(tinyModel, 'model.safetensors'))
      await writeFile(join(broken, 'model.safetensors'), whole.subarray(0, whole.length - 100))
      const before = await filesBelow(directory)
      const { status, stderr } = await ps3(['convert', broken, join(directory, 'out')])
      expect(stderr).toMatch(/^ps3: .*model\.safetensors/)
      expect(status).toBe(1)
      expect(await filesBelow(directory)).toEqual(before)
    })
  })
})

describe('ps3 info', () => {
  it('says what a checkpoint holds', async () => {
    const info = await infoOf(tinyModel)
    expect(info).toMatchObject({
      kind: 'vision and text',
      layout: 'hf',
      scales: [56, 112, 224],
      patchSize: 14,
      width: 48,
      depth: 4,
      heads: 4,
      budget: [12, 52],
      tokenizer: '../../tokenizers/unigram',
    })
    const parts = Object.values(info.parts as Record<string, { parameters: number }>)
    expect(parts.reduce((sum, part) => sum + part.parameters, 0)).toBe(info.total.parameters)
    await withEncoder(tinyModel, async (encoder) =>
      expect(encoder.parameterCount).toBe(info.total.parameters),
    )
    const { stdout } = await ps3(['info', tinyModel])
    expect(stdout).toContain('56, 112, 224 px in patches of 14 px')
  })

  it('names what is missing', async () => {
    await inTempDir(async (directory) => {
      const { status, stderr } = await ps3(['info', directory])
      expect(stderr).toMatch(/^ps3: [^\n]*config\.json[^\n]*\n$/)
      expect(status).toBe(1)
    })
  })
})

describe('ps3 convert --quantize', () => {
  const language = fileURLToPath(
    new URL('../../../language-model/fixtures/qwen2-tied/model', import.meta.url),
  )

  it.each(['int8', 'int4', 'bf16', 'f16'])(
    '%s: a language model that loads from its folder',
    async (format) => {
      await inTempDir(async (directory) => {
        const out = join(directory, 'out')
        await convert(language, out, '--quantize', format)
        const model = await loadModel(out)
        // One byte or half of one for each value, and a factor for 32; half precision is stored only and computed in float32.
        const bytes = { int8: 36 / 32, int4: 20 / 32 }[format] ?? 4
        const { weight } = model.model.layers[0]!.self_attn.q_proj as unknown as { weight: Parameter }
        expect(weight.byteLength).toBe(64 * 64 * bytes)
        model.dispose()
        if (format.startsWith('int')) return
        const config = JSON.parse(await readFile(join(out, 'config.json'), 'utf8'))
        expect(config.torch_dtype ?? config.dtype).toBe(format === 'bf16' ? 'bfloat16' : 'float16')
      })
    },
  )

  it('refuses weights that are not finite, or quantised already, and models of several parts', async () => {
    await inTempDir(async (directory) => {
      const [bad, packed, whole] = ['bad', 'packed', 'whole'].map((name) => join(directory, name)) as string[]
      const out = join(directory, 'out')
      await cp(language, bad!, { recursive: true })
      const weights = await readFile(join(bad!, 'model.safetensors'))
      weights.fill(0xff, weights.length / 2)
      await writeFile(join(bad!, 'model.safetensors'), weights)
      await convert(language, packed!, '--quantize', 'int8')
      await mkdir(join(whole!, 'llm'), { recursive: true })
      await cp(join(language, 'config.json'), join(whole!, 'llm/config.json'))
      const before = await filesBelow(directory)
      for (const [args, message] of [
        [[bad!, out, '--quantize', 'int4'], 'holds NaN or infinite values'],
        [[packed!, out, '--dtype', 'bf16'], 'are quantised: convert the checkpoint that they were made from'],
        [[whole!, out, '--quantize', 'int8'], 'is a whole VILA-HD: convert its parts one by one'],
      ] as const) {
        const { status, stderr } = await ps3(['convert', ...args])
        expect(stderr).toContain(message)
        expect(status).not.toBe(0)
      }
      expect(await filesBelow(directory)).toEqual(before)
    })
  })

  it('refuses models of other kinds and contradictions, and leaves nothing behind', async () => {
    await inTempDir(async (directory) => {
      const out = join(directory, 'out')
      const refused = async (...args: string[]) => {
        const { status, stderr } = await ps3(['convert', ...args])
        expect(status).not.toBe(0)
        expect(await filesBelow(directory)).toEqual([])
        return stderr
      }
      expect(await refused(tinyModel, out, '--quantize', 'int8')).toContain('not that of a Qwen2 model')
      expect(await refused(language, out, '--quantize', 'int3')).toContain('--quantize')
      expect(await refused(language, out, '--quantize', 'int8', '--dtype', 'f16')).toContain(
        'goes neither with',
      )
    })
  })
})
