// Recorded training steps inside a real Chromium: on WebGPU (SwiftShader) and on WebAssembly.
import { expect, it } from 'vitest'
import { describeInChromium, runSourceInChromium } from '../../../../tools/chromium/index.ts'
import { filesBelow } from './directory-store.ts'
import { trainFolder } from './recorded.fixture.ts'
import type { VerifyReport } from './report.ts'

describeInChromium('recorded training steps in Chromium', () => {
  // Two forward and backward passes on a GPU that is software take half a minute; all of it is replayed on wasm.
  it.each([
    ['webgpu', ' (micro-batches)'],
    ['wasm', 'step_budget'],
  ])(
    'losses, gradients and parameters after AdamW on %s',
    async (backend, filter) => {
      const report = await runSourceInChromium<VerifyReport>(new URL('./page.ts', import.meta.url), {
        params: { backend, filter, files: await filesBelow(trainFolder) },
        folders: { fixtures: trainFolder },
        timeoutMs: 290_000,
      })
      expect(report.cases.filter((one) => !one.ok)).toEqual([])
      expect(report.cases.map(({ name }) => name)).toContain('step_budget/step_budget (micro-batches)')
    },
    300_000,
  )
})
