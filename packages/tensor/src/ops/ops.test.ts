// Every op of this folder against float64 references, forward and backward, on the backends that run in this process.
import { expect, it } from 'vitest'
import { BACKENDS } from '../../../../tools/backends.ts'
import { checkLayers, type LayerReport } from '../../test/check-layers.ts'
import { LAYERS } from '../../test/layer-table.ts'

for (const [backend, describeHere] of BACKENDS) {
  describeHere(`own ops on ${backend}`, () => {
    let reports: Promise<LayerReport[]> | undefined

    it.each(LAYERS.map((layer) => layer.name))('%s', async (name) => {
      reports ??= checkLayers(backend)
      const report = (await reports).find((candidate) => candidate.name === name)
      expect(report, JSON.stringify(report)).toMatchObject({ name, ok: true })
    })
  })
}
