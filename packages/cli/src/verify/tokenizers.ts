// Replays recorded token ids.

import { type CleanMode, TextTokenizer } from '@ps3js/ps3-encoder'
import { type CaseReport, caseReport, compare } from './report.ts'
import { type FixtureStore, readJson } from './store.ts'

interface TokenizerCase {
  tokenizer: string
  context_length: number
  clean: CleanMode
  texts: string[]
  ids: number[][]
}

export async function replayTokenizers(store: FixtureStore): Promise<CaseReport[]> {
  const { cases } = await readJson<{ cases: TokenizerCase[] }>(store, 'cases.json')
  return Promise.all(
    cases.map(async ({ tokenizer: name, context_length, clean, texts, ids }) => {
      const optional = async (file: string) =>
        (await store.list(name)).includes(file) ? await readJson(store, `${name}/${file}`) : undefined
      const tokenizer = new TextTokenizer(
        {
          tokenizer: await readJson(store, `${name}/tokenizer.json`),
          config: await readJson(store, `${name}/tokenizer_config.json`),
          specialTokensMap: await optional('special_tokens_map.json'),
        },
        { contextLength: context_length, clean },
      )
      const got = tokenizer.encode(texts)
      return caseReport(
        `tokenizer ${name}, context ${context_length}, ${clean}`,
        texts.map((text, i) => compare(JSON.stringify(text.slice(0, 40)), got[i] ?? [], ids[i]!, 0)),
      )
    }),
  )
}
