// The recorded cases of the reference, replayed on every backend; and proof that a wrong number is noticed.

import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nativeStatus, useBackend } from '@ps3js/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeInChromium, runSourceInChromium } from '../../../../tools/chromium/index.ts'
import { expectNoLeak, requireOrSkip } from '../../../../tools/test-support.ts'
import { directoryStore, filesBelow } from './directory-store.ts'
import type { VerifyReport } from './report.ts'
import { verify } from './run.ts'

const recorded = (name: string) => fileURLToPath(new URL(`../../fixtures/recorded/${name}`, import.meta.url))
const failures = (report: VerifyReport) =>
  report.cases.filter((one) => !one.ok).map((one) => ({ ...one, outputs: one.outputs.filter((o) => !o.ok) }))

async function expectAgreement(folder: string, filter?: string): Promise<VerifyReport> {
  const report = await expectNoLeak(async () => verify(await directoryStore(recorded(folder)), { filter }))
  expect(failures(report)).toEqual([])
  return report
}

const families = [
  'siglip-tiny3',
  'siglip-tiny3-plain',
  'siglip-tiny4',
  'siglip2-tiny3',
  'cradio-v1-tiny3',
  'cradio-v2-tiny3',
]
const others = ['interpolate', 'sizes', 'text-variants', 'tokenizers']

describe('on WebAssembly', () => {
  beforeAll(async () => void (await useBackend('wasm')))
  it.each([...families, ...others, 'siglip-true4'])('%s agrees', async (folder) => {
    await expectAgreement(folder)
  })

  it('names each departure and its reason', async () => {
    const { cases } = await expectAgreement('siglip-tiny3', 'gt_int_truncates')
    expect(cases.map(({ departs }) => departs !== undefined)).toEqual([true, false])
  })
})

const native = await nativeStatus()
requireOrSkip(native.cpu.usable, `native TensorFlow: ${native.cpu.reason}`)('on native TensorFlow', () => {
  beforeAll(async () => void (await useBackend('node')))
  it.each(['siglip-tiny3', 'cradio-v2-tiny3', 'text-variants', 'interpolate'])(
    '%s agrees',
    async (folder) => {
      await expectAgreement(folder)
    },
  )
})

describe('in plain JavaScript', () => {
  beforeAll(async () => void (await useBackend('cpu')))
  // One of each kind: plain JavaScript takes ten times as long.
  it.each(['look2_topdown_batch2_rowmajor', 'lowres_only', 'text'])(
    'siglip-tiny3, %s agrees',
    async (filter) => {
      await expectAgreement('siglip-tiny3', filter)
    },
  )
})

describeInChromium('on WebGPU in Chromium', () => {
  it.each([
    ['siglip-tiny3', 'look2_topdown_batch2_rowmajor'],
    ['cradio-v2-tiny3', 'pooled_gt_only'],
  ])(
    '%s, %s agrees',
    async (folder, filter) => {
      const report = await runSourceInChromium<VerifyReport>(new URL('./page.ts', import.meta.url), {
        folders: { fixtures: recorded(folder) },
        params: { backend: 'webgpu', filter, files: await filesBelow(recorded(folder)) },
        timeoutMs: 400_000,
      })
      expect(failures(report)).toEqual([])
      expect(report.cases.length).toBeGreaterThan(1)
    },
    420_000,
  )
})

describe('what must not pass', () => {
  let copy: string
  beforeAll(async () => {
    await useBackend('wasm')
    copy = await mkdtemp(join(tmpdir(), 'ps3-verify-'))
    await cp(recorded('siglip-tiny3-plain'), copy, { recursive: true })
  })
  afterAll(() => rm(copy, { recursive: true, force: true }))

  const tensors = () => join(copy, 'cases/lowres_only/tensors.safetensors')
  const replay = async () => verify(await directoryStore(copy), { filter: 'lowres_only' })

  it('a recorded value that differs', async () => {
    const bytes = await readFile(tensors())
    // The last four bytes belong to a float32 of the last tensor.
    bytes.writeFloatLE(bytes.readFloatLE(bytes.length - 4) + 0.01, bytes.length - 4)
    await writeFile(tensors(), bytes)
    expect((await replay()).ok).toBe(false)
  })

  it('a truncated file, a missing one, and a folder without cases', async () => {
    const bytes = await readFile(tensors())
    await writeFile(tensors(), bytes.subarray(0, bytes.length - 8))
    expect((await replay()).ok).toBe(false)
    await rm(tensors())
    expect((await replay()).ok).toBe(false)
    expect((await verify(await directoryStore(join(copy, 'inputs')))).ok).toBe(false)
  })
})
