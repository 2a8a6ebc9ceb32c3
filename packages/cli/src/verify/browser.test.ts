// The replay inside a real Chromium, on WebGPU (SwiftShader) and on WebAssembly.
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { describeInChromium, runSourceInChromium } from '../../../../tools/chromium/index.ts'
import { filesBelow } from './directory-store.ts'
import { belongsTo, folderOf, languageFolder, preprocessFolder } from './recorded.fixture.ts'
import type { VerifyReport } from './report.ts'

/** Seconds per case on a GPU that is software: enough of them to go through every op; `ps3 verify` takes whole families. */
const CASES: Record<string, string[]> = {
  'siglip-tiny3': ['look2_topdown_batch2_rowmajor', 'pooled_gt_only', 'text'],
  'cradio-v2-tiny3': ['aspect_wide'],
}

async function replay(folder: string, backend: string, keep: (path: string) => boolean = () => true) {
  const report = await runSourceInChromium<VerifyReport>(new URL('./page.ts', import.meta.url), {
    params: { backend, files: (await filesBelow(folder)).filter(keep) },
    folders: { fixtures: folder },
    timeoutMs: 290_000,
  })
  expect(report.cases.filter((one) => !one.ok)).toEqual([])
  expect(report.ok).toBe(true)
  return report
}

describeInChromium('recorded cases in Chromium', () => {
  it.each(Object.entries(CASES))(
    '%s on webgpu',
    async (family, cases) => {
      const report = await replay(folderOf(family), 'webgpu', belongsTo(cases))
      for (const name of cases) expect(report.cases.some((one) => one.name.startsWith(name))).toBe(true)
    },
    300_000,
  )

  it.each(['text-variants', 'interpolate'])(
    '%s on webgpu',
    async (folder) => {
      await replay(folderOf(folder), 'webgpu')
    },
    300_000,
  )

  it('a language model on webgpu: states, greedy ids with a cache, loss and gradients', async () => {
    await replay(languageFolder, 'webgpu')
  }, 300_000)

  it('an answer about a picture on webgpu', async () => {
    await replay(
      fileURLToPath(new URL('../../../vila-hd/fixtures/recorded/hd-2x2-noblock', import.meta.url)),
      'webgpu',
    )
  }, 300_000)

  it('a family on wasm', async () => {
    await replay(folderOf('siglip-tiny3-plain'), 'wasm')
  }, 300_000)

  it('preprocess: pictures become the same bytes as in Node', async () => {
    await replay(preprocessFolder, 'wasm')
  }, 300_000)
})
