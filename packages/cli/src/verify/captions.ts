// Replays what the reference makes of captions: cleaning, filters, masking, merging, and which of them a sample takes.

import {
  chooseCaptions,
  filterCaption,
  maskSentences,
  mergeCaptions,
  type SampleRecord,
} from '@ps3js/data-pipeline'
import { CLEAN_MODES, cleanText } from '@ps3js/ps3-encoder'
import { InvalidArgumentError } from '@ps3js/tensor'
import { type RecordedDraw, RecordedDraws } from './recorded-draws.ts'
import { type CaseReport, caseReport, compareExactly, failed, type OutputReport } from './report.ts'
import { type FixtureStore, readJson } from './store.ts'

interface CaptionRecords {
  filter_keywords: { input: string; output: string }[]
  sentence_masking: { input: string; randint_calls: [number, number, number][]; output: string }[]
  sentence_merging: {
    input: string[]
    sample_calls: { n: number; k: number; picked: number[] }[]
    output: string
  }[]
}

interface CombineRecords {
  cases: {
    use_global_caption: boolean
    global_caption_prob: number
    sample_n_box_each_image: number
    samples: {
      record: SampleRecord
      draws: (['random', number] | ['sample', number, number, number[]])[]
      sample?: { text: string | string[]; box: number[][] | null; is_global_text: boolean }
      reference_raises?: string
    }[]
  }[]
}

type CleanRecord = { input: string } & Record<string, string>

/** The files of this kind; each may stand alone. */
const FILES: Record<string, (store: FixtureStore, file: string) => Promise<CaseReport[]>> = {
  'captions.json': replayCaptions,
  'clean.json': replayClean,
  'combine.json': replayCombine,
}

export const holdsCaptions = (names: readonly string[]): boolean =>
  Object.keys(FILES).some((file) => names.includes(file))

export async function replayCaptionFiles(store: FixtureStore): Promise<CaseReport[]> {
  const names = await store.list('')
  const reports: CaseReport[] = []
  for (const [file, replay] of Object.entries(FILES)) {
    if (!names.includes(file)) continue
    try {
      reports.push(...(await replay(store, file)))
    } catch (error) {
      reports.push(caseReport(file, [failed(file, error)]))
    }
  }
  return reports
}

async function replayCaptions(store: FixtureStore, file: string): Promise<CaseReport[]> {
  const records = await readJson<CaptionRecords>(store, file)
  const masking = records.sentence_masking.map(({ input, randint_calls, output }, i) =>
    drawing(
      `masking ${i}`,
      randint_calls.map(([low, high, value]) => ({ kind: 'integer', low, high, value })),
      (draws) => maskSentences(input, draws),
      output,
    ),
  )
  const merging = records.sentence_merging.map(({ input, sample_calls, output }, i) =>
    drawing(
      `merging ${i}`,
      sample_calls.map(({ n, k, picked }) => ({ kind: 'pick', n, count: k, value: picked })),
      (draws) => mergeCaptions(input, draws),
      output,
    ),
  )
  const filters = records.filter_keywords.map(({ input, output }, i) =>
    compareExactly(`filter ${i}`, filterCaption(input), output),
  )
  return [caseReport('filters', filters), caseReport('masking', masking), caseReport('merging', merging)]
}

async function replayClean(store: FixtureStore, file: string): Promise<CaseReport[]> {
  const { cases } = await readJson<{ cases: CleanRecord[] }>(store, file)
  return cases.map((one, i) =>
    caseReport(
      `clean ${i}`,
      CLEAN_MODES.filter((mode) => mode in one).map((mode) =>
        compareExactly(mode, cleanText(one.input, mode), one[mode]),
      ),
    ),
  )
}

async function replayCombine(store: FixtureStore, file: string): Promise<CaseReport[]> {
  const { cases } = await readJson<CombineRecords>(store, file)
  return cases.map(({ samples, ...settings }, i) => {
    const options = {
      globalCaptionProb: settings.use_global_caption ? settings.global_caption_prob : null,
      boxesPerSample: settings.sample_n_box_each_image,
    }
    const outputs = samples.map(({ record, draws, sample, reference_raises }, j) => {
      const recorded = draws.map(
        ([kind, ...values]): RecordedDraw =>
          kind === 'random'
            ? { kind: 'uniform', low: 0, high: 1, value: values[0] as number }
            : {
                kind: 'pick',
                n: values[0] as number,
                count: values[1] as number,
                value: values[2] as number[],
              },
      )
      const name = `sample ${j}`
      if (reference_raises !== undefined) return mustRefuse(name, () => choose(record, options, recorded))
      const want = sample && [[sample.text].flat(), sample.box ?? [], sample.is_global_text]
      return drawing(name, recorded, (replayed) => choose(record, options, replayed), want)
    })
    return caseReport(`combine ${i}`, outputs)
  })
}

function choose(
  record: SampleRecord,
  options: Parameters<typeof chooseCaptions>[1],
  draws: RecordedDraws | readonly RecordedDraw[],
): unknown {
  const replayed = draws instanceof RecordedDraws ? draws : new RecordedDraws(draws)
  const { captions, boxes, isGlobalText } = chooseCaptions(record, options, replayed)
  return [captions, boxes, isGlobalText]
}

/** What comes out with the recorded draws, all of which must be used. */
function drawing(
  name: string,
  recorded: readonly RecordedDraw[],
  work: (draws: RecordedDraws) => unknown,
  want: unknown,
): OutputReport {
  const draws = new RecordedDraws(recorded)
  try {
    return compareExactly(name, [work(draws), draws.left], [want, 0])
  } catch (error) {
    return failed(name, error)
  }
}

function mustRefuse(name: string, work: () => unknown): OutputReport {
  try {
    return compareExactly(name, work(), 'an error')
  } catch (error) {
    return error instanceof InvalidArgumentError ? compareExactly(name, true, true) : failed(name, error)
  }
}
