// WebGPU in Node through the npm package `webgpu`, on the software Vulkan driver that Chromium brings.
import { access } from 'node:fs/promises'
import { beforeAll, expect, it } from 'vitest'
import { runInNode } from '../../../tools/node-bundle.ts'
import { requireOrSkip } from '../../../tools/test-support.ts'
import type { DawnReport } from './dawn-main.ts'
import { LAYERS } from './layer-table.ts'
import { OPS } from './op-table.ts'

const FOLDER = '/usr/lib/chromium'
const DRIVER = `${FOLDER}/vk_swiftshader_icd.json`
const found = await access(DRIVER).then(
  () => true,
  () => false,
)

requireOrSkip(found, `WebGPU in Node; it wants ${DRIVER}, of Debian's package chromium`)(
  'ops on webgpu in Node',
  () => {
    let report: DawnReport
    beforeAll(async () => {
      const env = { LD_LIBRARY_PATH: FOLDER, VK_ICD_FILENAMES: DRIVER }
      report = JSON.parse(await runInNode(new URL('./dawn-main.ts', import.meta.url), env, 280_000))
    }, 300_000)

    it('uses Dawn, and leaves the device of an application alone', () => {
      expect(report.info).toMatchObject({ name: 'webgpu', tried: [] })
      expect(report).toMatchObject({ deviceSurvived: true, ownDeviceKept: true, ownDeviceDestroyed: true })
    })

    it('has erf within 3e-7 of the true value', () => {
      expect(report.erf).toBeLessThan(3e-7)
    })

    it.each(OPS.map((op) => op.name))('%s', (name) => {
      const op = report.reports.find((candidate) => candidate.name === name)
      expect(op, JSON.stringify(op)).toMatchObject({ name, ok: true })
    })

    it.each(LAYERS.map((layer) => layer.name))('%s', (name) => {
      const layer = report.layers.find((candidate) => candidate.name === name)
      expect(layer, JSON.stringify(layer)).toMatchObject({ name, ok: true })
    })
  },
)
