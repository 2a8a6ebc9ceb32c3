// The page in a short form, in a real Chromium.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { describeInChromium, runInChromium } from '../../tools/chromium/index.ts'
import { bundlePage, wasmFolder } from './bundle.mjs'

describeInChromium('the page', () => {
  it('trains, and draws the loss and where the model looks', async () => {
    const outdir = await mkdtemp(join(tmpdir(), 'ps3-train-in-browser-'))
    try {
      await bundlePage(new URL('page.fixture.ts', import.meta.url), outdir, ['@ps3js/source'])
      const { losses, drawn, status } = await runInChromium<{
        losses: number[]
        drawn: boolean[]
        status: string
      }>({ folders: { wasm: wasmFolder, page: outdir }, script: 'page/page.js' })
      expect(losses).toHaveLength(3)
      expect(losses.at(-1)).toBeLessThan(losses[0]!)
      expect(drawn).toEqual([true, true])
      expect(status).toContain('step 3 of 3, selection/topDown@5%')
    } finally {
      await rm(outdir, { recursive: true, force: true })
    }
  }, 120_000)
})
