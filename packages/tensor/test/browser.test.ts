// Both op tables in a real Chromium, on WebGPU (SwiftShader) and on WebAssembly.
import { beforeAll, expect, it } from 'vitest'
import { describeInChromium, runSourceInChromium } from '../../../tools/chromium/index.ts'
import type { BackendInfo } from '../src/index.ts'
import type { LayerReport } from './check-layers.ts'
import type { OpReport } from './check-ops.ts'
import { LAYERS } from './layer-table.ts'
import { OPS } from './op-table.ts'

interface PageReport {
  reports: OpReport[]
  layers: LayerReport[]
  erf: number
  info: BackendInfo
  isolated: boolean
}

for (const backend of ['webgpu', 'wasm'] as const) {
  describeInChromium(`ops on ${backend} in Chromium`, () => {
    let page: PageReport
    beforeAll(async () => {
      page = await runSourceInChromium<PageReport>(new URL('./ops-page.ts', import.meta.url), {
        params: { backend },
      })
    }, 300_000)

    it('runs on that backend, in a cross-origin isolated page', () => {
      expect(page.info).toMatchObject({ name: backend, tried: [] })
      expect(page.isolated).toBe(true)
    })

    it('has erf within 3e-7 of the true value', () => {
      // Half a unit in the last place at 1 is 6e-8; WGSL lets exp(-1) be off by another 2e-7.
      expect(page.erf).toBeLessThan(3e-7)
    })

    it.each(OPS.map((op) => op.name))('%s', (name) => {
      const report = page.reports.find((candidate) => candidate.name === name)
      expect(report, JSON.stringify(report)).toMatchObject({ name, ok: true })
    })

    it.each(LAYERS.map((layer) => layer.name))('%s', (name) => {
      const report = page.layers.find((candidate) => candidate.name === name)
      expect(report, JSON.stringify(report)).toMatchObject({ name, ok: true })
    })
  })
}
