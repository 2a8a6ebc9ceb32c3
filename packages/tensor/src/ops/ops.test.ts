// Every op of this folder against float64 references, forward and backward, on the backends that run in this process.
import { describe, expect, it } from 'vitest'
import { requireOrSkip } from '../../../../tools/test-support.ts'
import { checkLayers, type LayerReport } from '../../test/check-layers.ts'
import { LAYERS } from '../../test/layer-table.ts'
import { useBackend } from '../backend/index.ts'

const native = await useBackend('node').then(
  () => true,
  () => false,
)
const describeNative = requireOrSkip(native, 'native TensorFlow; get it by: npm run ps3 -- native install')

for (const backend of ['cpu', 'wasm', 'node'] as const) {
  const describeHere = backend === 'node' ? describeNative : describe
  describeHere(`own ops on ${backend}`, () => {
    let reports: Promise<LayerReport[]> | undefined

    it.each(LAYERS.map((layer) => layer.name))('%s', async (name) => {
      reports ??= checkLayers(backend)
      const report = (await reports).find((candidate) => candidate.name === name)
      expect(report, JSON.stringify(report)).toMatchObject({ name, ok: true })
    })
  })
}
