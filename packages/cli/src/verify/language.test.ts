// Replaying recorded language models, connectors and answers about pictures: they agree on every backend, and nothing tampered with passes.
import { fileURLToPath } from 'node:url'
import { useBackend } from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { BACKENDS } from '../../../../tools/backends.ts'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { directoryStore } from './directory-store.ts'
import { editJson, editTensors, withFile } from './recorded.fixture.ts'
import { verify } from './run.ts'
import type { FixtureStore } from './store.ts'

const folder = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url))

const STORES: Record<string, () => Promise<FixtureStore>> = {
  'language models': () => directoryStore(folder('language-model/fixtures')),
  projectors: () => directoryStore(folder('vila-hd-connector/fixtures')),
  'answers about pictures': () => directoryStore(folder('vila-hd/fixtures/recorded')),
}

for (const [backend, describeBackend] of BACKENDS) {
  describeBackend(`recorded language models on ${backend}`, () => {
    beforeAll(() => useBackend(backend))

    // The plain JavaScript backend takes a minute for the pictures of the answers.
    const names = Object.keys(STORES).filter((name) => backend !== 'cpu' || name !== 'answers about pictures')

    it.each(names)('%s', async (name) => {
      const store = await STORES[name]!()
      const { ok, cases } = await expectNoLeak(() => verify(store))
      expect(cases.filter((one) => !one.ok)).toEqual([])
      expect(ok).toBe(true)
      expect(cases.length).toBeGreaterThan(1)
    })
  })
}

describe('what was tampered with', () => {
  beforeAll(() => useBackend('wasm'))

  it.each([
    ['language models', 'qwen2-tied', 'logits'],
    ['language models', 'qwen2-tied', 'greedy_ids'],
    ['language models', 'qwen2-untied', 'logits_masked'],
    ['language models', 'qwen2-untied', 'loss'],
    ['language models', 'qwen2-untied', 'grad.lm_head.weight'],
    ['projectors', 'projectors/mlp_downsample_head_mlp', 'out.5'],
    ['projectors', 'projectors/mlp_downsample_head_mlp', 'prompt_head.out'],
    ['projectors', 'projectors/mlp_downsample_head_mlp', 'pos_embed_area.7'],
    ['projectors', 'projectors/merge_order', 'DownSample3x3BlockFix.4'],
    ['answers about pictures', 'hd-2x2-noblock', 'pass1.inputs_embeds'],
    ['answers about pictures', 'hd-2x2-noblock', 'top_down_prompt'],
    ['answers about pictures', 'hd-2x2-noblock', 'pass2.logits'],
    ['answers about pictures', 'hd-2x2-noblock', 'greedy_ids'],
  ])('%s: %s, %s', async (name, path, tensor) => {
    const edit = editTensors((tensors) => {
      const { values } = tensors.get(tensor)!
      values[0]! += 1
    })
    const store = withFile(await STORES[name]!(), `${path}/tensors.safetensors`, edit)
    const { ok, cases } = await expectNoLeak(() => verify(store, { filter: path }))
    expect(ok).toBe(false)
    const wrong = cases.flatMap(({ outputs }) => outputs.filter((output) => !output.ok))
    // Logits are recorded along the greedy ids: wrong ids make them wrong, too.
    const along = tensor === 'greedy_ids' ? ['greedy_logits'] : []
    expect(wrong.map((output) => output.name)).toEqual([tensor, ...along])
  })

  it('lost tensors, and kinds that nobody knows', async () => {
    const gone = editTensors((tensors) => {
      tensors.delete('loss')
    })
    const lost = withFile(await STORES['language models']!(), 'qwen2-tied/tensors.safetensors', gone)
    const { cases } = await verify(lost, { filter: 'qwen2-tied' })
    expect(cases[0]!.outputs[0]!.detail).toBe('case.json lists loss, but tensors.safetensors lacks it')
    const newer = editJson<{ kind: string }>((one) => {
      one.kind = 'qwen3'
    })
    const strange = withFile(await STORES['language models']!(), 'qwen2-tied/case.json', newer)
    const report = await verify(strange, { filter: 'qwen2-tied' })
    expect(report).toMatchObject({ ok: false })
    expect(report.cases[0]!.outputs[0]!.detail).toBe('this tool does not know cases of kind "qwen3"')
  })
})
