// Replaying recorded cases: everything agrees on every backend, and nothing that was tampered with passes.
import { useBackend } from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { describeNative } from '../../../../tools/backends.ts'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { directoryStore } from './directory-store.ts'
import {
  editJson,
  editTensors,
  preprocessFolder,
  recordedStore,
  trainFolder,
  withCases,
  withFile,
} from './recorded.fixture.ts'
import type { VerifyReport } from './report.ts'
import { verify } from './run.ts'
import type { FixtureStore } from './store.ts'
import type { VisionCase } from './vision-records.ts'

const FAMILIES = [
  'siglip-tiny3',
  'siglip-tiny3-plain',
  'siglip-tiny4',
  'cradio-v1-tiny3',
  'cradio-v2-tiny3',
  'siglip-true4',
]
const OTHERS = ['sizes', 'text-variants', 'tokenizers', 'interpolate']

/** Cases on the plain JavaScript backend, which takes seconds for each picture. */
const ON_CPU: Record<string, string[]> = {
  'siglip-tiny3': ['look2_topdown_batch2_rowmajor', 'pooled_gt_only', 'text'],
  'siglip-tiny3-plain': ['look1_bottomup', 'aspect_wide'],
  'siglip-tiny4': ['aspect_sliver'],
  'cradio-v1-tiny3': ['look1_bottomup'],
  'cradio-v2-tiny3': ['tokens_small'],
}

const failures = (report: VerifyReport) =>
  report.cases
    .filter((one) => !one.ok)
    .map((one) => `${one.name}: ${JSON.stringify(one.outputs.filter((output) => !output.ok))}`)

async function expectAgreement(store: FixtureStore): Promise<VerifyReport> {
  const report = await expectNoLeak(() => verify(store))
  expect(failures(report)).toEqual([])
  expect(report.ok).toBe(true)
  return report
}

const backends = [
  ['wasm', describe],
  ['node', describeNative],
] as const

for (const [backend, describeBackend] of backends) {
  describeBackend(`recorded cases on ${backend}`, () => {
    beforeAll(() => useBackend(backend))

    it.each(FAMILIES)('%s', async (family) => {
      const { cases } = await expectAgreement(await recordedStore(family))
      // With our own selection, and with the recorded one forced.
      for (const suffix of ['own', 'recorded']) {
        expect(cases.filter((one) => one.name.endsWith(`(${suffix} selection)`)).length).toBeGreaterThan(0)
      }
    })

    it.each(OTHERS)('%s', async (folder) => {
      await expectAgreement(await recordedStore(folder))
    })

    it('preprocess', async () => {
      await expectAgreement(await directoryStore(preprocessFolder))
    })

    it('training steps and schedules', async () => {
      const { cases } = await expectAgreement(await directoryStore(trainFolder))
      const step = 'step_budget/step_budget'
      expect(cases.map(({ name }) => name)).toEqual([
        'schedule 0',
        'schedule 1',
        step,
        `${step} (checkpointed blocks)`,
        `${step} (micro-batches)`,
      ])
    })
  })
}

describe('recorded cases on cpu', () => {
  beforeAll(() => useBackend('cpu'))

  it.each(Object.keys(ON_CPU))('%s', async (family) => {
    await expectAgreement(withCases(await recordedStore(family), ON_CPU[family]!))
  })

  it.each(OTHERS)('%s', async (folder) => {
    await expectAgreement(await recordedStore(folder))
  })
})

describe('what departs', () => {
  beforeAll(() => useBackend('wasm'))

  it('is named with its reason, and must still agree once the recorded selection is forced', async () => {
    const { cases } = await verify(
      withCases(await recordedStore('siglip-tiny4'), [
        'aspect_wide_all_rowmajor',
        'first_scale_only',
        'other_square',
      ]),
    )
    expect(cases.map(({ name, departs }) => [name, departs !== undefined])).toEqual([
      ['aspect_wide_all_rowmajor (own selection)', expect.any(Boolean)],
      ['aspect_wide_all_rowmajor (recorded selection)', false],
      ['first_scale_only', true],
      ['other_square (own selection)', false],
      ['other_square (recorded selection)', false],
    ])
    expect(cases.find((one) => one.name === 'first_scale_only')?.departs).toContain('the reference raises')
  })

  it('fails where it disagrees in anything but its selection', async () => {
    // This case departs in its selection; its prompt's probabilities must agree all the same.
    const departing = withCases(await recordedStore('siglip-tiny3'), ['gt_int_truncates'])
    expect((await verify(departing)).cases[0]).toMatchObject({ ok: true, departs: expect.any(String) })
    const perturbed = withFile(
      departing,
      'cases/gt_int_truncates/tensors.safetensors',
      editTensors((tensors) => {
        tensors.get('bottomup_probs.1')!.values[3]! += 1e-3
      }),
    )
    const [own] = (await verify(perturbed)).cases
    expect(own).toMatchObject({ ok: false })
    expect(own!.outputs.filter((output) => !output.ok).map((output) => output.name)).toEqual([
      'bottomup_probs.1',
    ])
  })
})

describe('tampering', () => {
  const CASE = 'look2_topdown_batch2_rowmajor'
  const TENSORS = `cases/${CASE}/tensors.safetensors`
  const JSON_FILE = `cases/${CASE}/case.json`
  let store: FixtureStore
  beforeAll(async () => {
    await useBackend('wasm')
    store = withCases(await recordedStore('siglip-tiny3'), [CASE])
  })

  const add = (name: string, at: number, amount: number) =>
    withFile(
      store,
      TENSORS,
      editTensors((tensors) => {
        tensors.get(name)!.values[at]! += amount
      }),
    )

  const tampered: Record<string, { change: () => FixtureStore; fails: RegExp }> = {
    'a feature beyond its tolerance': { change: () => add('last_hidden_state', 5, 0.01), fails: /^last_hid/ },
    'a NaN among the features': { change: () => add('last_hidden_state', 5, Number.NaN), fails: /^last_hid/ },
    'a probability beyond its tolerance': {
      change: () => add('select_probs.1', 0, 3e-5),
      fails: /^select_pr/,
    },
    'a NaN among the probabilities': {
      change: () => add('bottomup_probs.2', 9, Number.NaN),
      fails: /^bottomup/,
    },
    'a patch more in the selection': {
      change: () =>
        withFile(
          store,
          TENSORS,
          editTensors((tensors) => {
            const map = tensors.get('selection.step0.scale1')!.values
            map[map.indexOf(0)] = 1
          }),
        ),
      fails: /^case|^selection/,
    },
    'a patch that moved in the selection': {
      change: () =>
        withFile(
          store,
          TENSORS,
          editTensors((tensors) => {
            const map = tensors.get('selection.step0.scale2')!.values
            const [from, to] = [map.indexOf(1), map.indexOf(0)]
            ;[map[from], map[to]] = [0, 1]
          }),
        ),
      fails: /^case|^selection|^last_hid/,
    },
    'a patch that moved in the union of the looks': {
      change: () => add('selection_maps.1', 0, 1),
      fails: /^selection_maps/,
    },
    'an output that the tool cannot make': {
      change: () =>
        withFile(
          store,
          TENSORS,
          editTensors((tensors) => {
            tensors.set('surprise', { shape: [1], values: new Float32Array(1) })
          }),
        ),
      fails: /^surprise/,
    },
    'an output of another shape': {
      change: () =>
        withFile(
          store,
          TENSORS,
          editTensors((tensors) => {
            const { values } = tensors.get('last_hidden_state')!
            tensors.set('last_hidden_state', { shape: [1, values.length - 1], values: values.slice(1) })
          }),
        ),
      fails: /^case/,
    },
    'an output that was lost': {
      change: () =>
        withFile(
          store,
          TENSORS,
          editTensors((tensors) => void tensors.delete('select_probs.2')),
        ),
      fails: /^case/,
    },
    'a look that was lost': {
      change: () =>
        withFile(
          store,
          TENSORS,
          editTensors((tensors) => {
            for (const scale of [1, 2]) tensors.delete(`selection.step1.scale${scale}`)
          }),
        ),
      fails: /^case/,
    },
    'a truncated tensors file': {
      change: () => withFile(store, TENSORS, (bytes) => bytes.slice(0, bytes.length - 100)),
      fails: /^case/,
    },
    'a tensors file that is missing': {
      change: () => ({
        ...store,
        readBytes: (path) =>
          path === TENSORS ? Promise.reject(new Error(`${path} is missing`)) : store.readBytes(path),
      }),
      fails: /^case/,
    },
    'a case of an unknown kind': {
      change: () =>
        withFile(
          store,
          JSON_FILE,
          editJson<VisionCase>((value) => void Object.assign(value, { kind: 'new' })),
        ),
      fails: /^case/,
    },
    'a case.json that is no JSON': {
      change: () => withFile(store, JSON_FILE, (bytes) => bytes.slice(0, 40)),
      fails: /^case/,
    },
    'a picture that cannot be decoded': {
      change: () => withFile(store, 'inputs/224x224_s1013.png', (bytes) => bytes.slice(0, 999)),
      fails: /^case/,
    },
    'weights that are not these': {
      change: () =>
        withFile(
          store,
          'model/model.safetensors',
          editTensors((tensors) => {
            tensors.get('vision_model.trunk.blocks.3.mlp.fc2.bias')!.values[0]! += 0.1
          }),
        ),
      fails: /last_hidden_state/,
    },
    'weights that hold NaN': {
      change: () =>
        withFile(
          store,
          'model/model.safetensors',
          editTensors((tensors) => {
            tensors.get('vision_model.trunk.blocks.0.mlp.fc2.bias')!.values[0] = Number.NaN
          }),
        ),
      fails: /siglip-tiny3/,
    },
    'no cases at all': { change: () => withCases(store, []), fails: /^cases/ },
  }

  it('passes when nothing is changed', async () => {
    expect(failures(await verify(store))).toEqual([])
  })

  it.each(Object.entries(tampered))('notices %s', async (_, { change, fails }) => {
    const report = await expectNoLeak(() => verify(change()))
    expect(report.ok).toBe(false)
    const failed = report.cases.flatMap((one) => one.outputs).filter((output) => !output.ok)
    expect(failed.map((output) => output.name).join()).toMatch(fails)
    for (const one of report.cases) expect(one.ok).toBe(one.outputs.every((output) => output.ok))
  })

  it('fails for a folder that holds nothing known, and for a name that no case has', async () => {
    const empty: FixtureStore = { location: 'empty', list: async () => [], readBytes: () => Promise.reject() }
    expect(await verify(empty)).toMatchObject({ ok: false, cases: [{ ok: false, name: 'cases' }] })
    expect(await verify(store, { filter: 'no such case' })).toMatchObject({ ok: false })
  })

  it('fails for tampered numbers of the other kinds', async () => {
    const sizes = withFile(
      await recordedStore('sizes'),
      'sizes.json',
      editJson<{ split: { each_scale: number[] }[] }>((value) => void value.split[0]!.each_scale[0]!++),
    )
    const interpolate = withFile(
      await recordedStore('interpolate'),
      'tensors.safetensors',
      editTensors((tensors) => {
        const name = [...tensors.keys()].find((key) => key.endsWith('.bicubic'))!
        tensors.get(name)!.values[0]! += 1e-3
      }),
    )
    const tokenizers = withFile(
      await recordedStore('tokenizers'),
      'cases.json',
      editJson<{ cases: { ids: number[][] }[] }>((value) => void value.cases[0]!.ids[0]![0]!++),
    )
    for (const folder of [sizes, interpolate, tokenizers]) {
      const report = await verify(folder)
      expect(report.cases.filter((one) => !one.ok)).toHaveLength(1)
      expect(report.ok).toBe(false)
    }
  })

  it('stops when it is cancelled', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(expectNoLeak(() => verify(store, { signal }))).rejects.toThrow('enough')
  })
})
