// Replaying recorded losses: everything agrees on every backend, and nothing that was tampered with passes.
import { fileURLToPath } from 'node:url'
import { useBackend } from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { BACKENDS } from '../../../../tools/backends.ts'
import { describeInChromium, runSourceInChromium } from '../../../../tools/chromium/index.ts'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { directoryStore, filesBelow } from './directory-store.ts'
import { editJson, editTensors, withFile } from './recorded.fixture.ts'
import type { VerifyReport } from './report.ts'
import { verify } from './run.ts'

const folder = fileURLToPath(new URL('../../../contrastive-loss/fixtures', import.meta.url))

/** Every recorded loss. */
const CASES = (await filesBelow(folder))
  .map((path) => path.split('/')[0]!)
  .filter((name, i, all) => all.indexOf(name) === i && /^(siglip|clip|ps3|dist|token)_/.test(name))

const renamed = (impl: string) =>
  editJson<{ impl: string }>((one) => {
    one.impl = impl
  })

function expectAgreement(report: VerifyReport): void {
  expect(report.cases.filter((one) => !one.ok)).toEqual([])
  expect(report.cases.map(({ name }) => name.split('/')[0])).toEqual(CASES)
}

for (const [backend, describeBackend] of BACKENDS) {
  describeBackend(`recorded losses on ${backend}`, () => {
    beforeAll(() => useBackend(backend))

    it('agree in value and every gradient', async () => {
      const report = await expectNoLeak(async () => verify(await directoryStore(folder)))
      expectAgreement(report)
    })
  })
}

describeInChromium('recorded losses in Chromium', () => {
  it('agree on webgpu', async () => {
    const report = await runSourceInChromium<VerifyReport>(new URL('./page.ts', import.meta.url), {
      params: { backend: 'webgpu', files: await filesBelow(folder) },
      folders: { fixtures: folder },
      timeoutMs: 290_000,
    })
    expectAgreement(report)
  }, 300_000)
})

describe('a recorded loss that was tampered with', () => {
  beforeAll(() => useBackend('cpu'))
  const store = (name: string) => directoryStore(`${folder}/${name}`)

  it.each([
    'siglip_loss_0',
    'clip_loss_0',
    'ps3_loss_3scales',
    'ps3_loss_all_global',
    'dist_clip_local_2workers',
    'token_selection_loss_0',
  ])('fails in each output of %s', async (name) => {
    const before = (await verify(await store(name))).cases[0]!
    for (const output of before.outputs) {
      const edit = editTensors((tensors) => {
        const { values } = tensors.get(output.name)!
        values[values.length - 1]! += 0.002 * Math.max(Math.abs(values[values.length - 1]!), 0.01)
      })
      const report = await verify(withFile(await store(name), 'tensors.safetensors', edit))
      expect(report.cases[0]!.outputs.filter((one) => !one.ok).map((one) => one.name)).toEqual([output.name])
    }
  })

  it('fails by name when a tensor, a weight or an implementation is not what it was', async () => {
    const gone = editTensors((tensors) => {
      tensors.delete('grad_text_features')
    })
    const lost = await verify(withFile(await store('clip_loss_0'), 'tensors.safetensors', gone))
    expect(lost.cases[0]!.outputs[0]!.detail).toContain('grad_text_features')

    const heavier = editJson<{ weights: { prior: number } }>(({ weights }) => {
      weights.prior *= 1.001
    })
    const weighted = await verify(withFile(await store('ps3_loss_4scales'), 'case.json', heavier))
    expect(weighted.cases[0]!.outputs.filter((one) => !one.ok).map((one) => one.name)).toEqual(
      expect.arrayContaining(['prior_box_supervision_loss', 'total']),
    )

    const unknown = renamed('siglip_gossip')
    const strange = await verify(withFile(await store('dist_siglip_gather_2workers'), 'case.json', unknown))
    expect(strange.ok).toBe(false)
    expect(strange.cases[0]!.outputs[0]!.detail).toContain('"siglip_gossip"; it knows siglip_gather,')
  })

  it.each(['siglip_bidir', 'siglip_shift', 'siglip_reduce'])(
    'agrees when %s gave the numbers',
    async (impl) => {
      const report = await verify(
        withFile(await store('dist_siglip_gather_3workers'), 'case.json', renamed(impl)),
      )
      expect(report.ok).toBe(true)
    },
  )
})

describe('integer selection maps', () => {
  it('may depart in box supervision, and in nothing else', async () => {
    await useBackend('cpu')
    const store = withFile(
      await directoryStore(`${folder}/ps3_loss_4scales`),
      'case.json',
      editJson<Record<string, string>>((one) => {
        one.gt_selection_maps_call_dtype = 'uint8'
      }),
    )
    const changed = (name: string) =>
      withFile(
        store,
        'tensors.safetensors',
        editTensors((tensors) => {
          tensors.get(name)!.values[0]! *= 1.1
        }),
      )
    const [same] = (await verify(store)).cases
    expect(same).toMatchObject({ ok: true })
    expect(same).not.toHaveProperty('departs')
    const [departing] = (await verify(changed('total'))).cases
    expect(departing).toMatchObject({ ok: true, departs: expect.stringContaining('partly covered') })
    expect((await verify(changed('contrastive_loss'))).ok).toBe(false)
  })
})
