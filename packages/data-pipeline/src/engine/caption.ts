// Step two of the data engine: captions for regions and whole pictures, from any OpenAI-compatible vision server.
// Every answer goes into a journal before it counts, so that none is paid for twice.

import { ImageError, InvalidArgumentError, lockOutput, Random, ResourceError } from '@ps3js/tensor'
import { Journal } from '../write/journal.ts'
import { writeLines } from '../write/text-file.ts'
import { clipBox } from './boxes.ts'
import { forEachConcurrent } from './concurrency.ts'
import { type CaptionPrompts, checkPrompts, defaultPrompts } from './prompts.ts'
import { type Asking, keyOf, type Question, questions } from './questions.ts'
import { openRegions, type PictureRegions, regionLines, regionsHeader } from './regions-file.ts'
import { type Answer, CaptionFailure, VisionClient, type VisionServer } from './vision-server.ts'

export interface CaptionOptions {
  /** File of regions, from `proposeRegions`. */
  regions: string
  /** File to write: the same lines with captions. Answers are kept in `<out>.answers`. */
  out: string
  server: VisionServer
  prompts?: Partial<CaptionPrompts>
  /** Questions asked at a time. Default 8. */
  concurrency?: number
  signal?: AbortSignal
  onProgress?: (progress: CaptionSummary) => void
}

export interface CaptionSummary {
  /** Captions needed that documents do not bring along. */
  total: number
  /** Of them, answered: now or in earlier runs. */
  answered: number
  /** Questions that this run asked successfully. */
  asked: number
  /** Left out for now: the server refused or failed; another run asks again. */
  failed: number
  /** Left out for good: answered with nothing, or with less than a sentence. */
  empty: number
  /** Boxes left out: no numbers, inverted, or outside of their picture. */
  badBoxes: number
  /** Of all answers in the journal. */
  promptTokens: number
  completionTokens: number
  /** Why something failed last. */
  lastFailure?: string
}

/** After so many failures with no success between them the server is taken for gone. */
const FAILURES_IN_A_ROW = 10

/** One line of the journal. */
interface KeptAnswer {
  key: string
  /** Empty when the answer was of no use; it is paid for all the same. */
  text: string
  promptTokens: number
  completionTokens: number
}

/**
 * Captions what has no text yet. Kill and start it again as you like: what was answered is not asked again, and the file
 * is the same in the end.
 *
 * @throws InvalidArgumentError for prompts or numbers that cannot be, before anything is asked
 * @throws ResourceError when the server refuses every question or does not answer any more, or when another process writes
 *   the file
 */
export async function captionRegions(options: CaptionOptions): Promise<CaptionSummary> {
  const { regions, out, server, concurrency = 8, signal } = options
  const prompts = { ...defaultPrompts, ...options.prompts }
  checkPrompts(prompts)
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    throw new InvalidArgumentError(`concurrency ${concurrency}: give a whole number of at least 1`)
  }
  await using _lock = await lockOutput(out)
  const client = new VisionClient(server, new Random(0))
  const { root } = await openRegions(regions)
  const asking: Asking = { root, model: server.model, prompts }
  const run = new Run(client, options.onProgress)
  const journal = await Journal.open(`${out}.answers`, (value, number) =>
    run.keep(checkAnswer(value, `${out}.answers, line ${number}`)),
  )
  try {
    for await (const { key } of questions(regions, asking, signal)) run.expect(key)
    async function* pending() {
      for await (const question of questions(regions, asking, signal))
        if (run.take(question.key)) yield question
    }
    await forEachConcurrent(pending(), concurrency, signal, (question, stop) =>
      run.ask(question, journal, stop),
    )
  } finally {
    await journal.close()
  }
  await writeLines(out, captioned(out, regions, asking, run, signal))
  return run.summary
}

/** What is known and counted while questions are asked. */
class Run {
  readonly answers = new Map<string, string>()
  readonly summary: CaptionSummary = {
    total: 0,
    answered: 0,
    asked: 0,
    failed: 0,
    empty: 0,
    badBoxes: 0,
    promptTokens: 0,
    completionTokens: 0,
  }
  readonly #client: VisionClient
  readonly #onProgress: CaptionOptions['onProgress']
  /** Keys of questions that were not looked at yet: the same picture may lie there twice. */
  readonly #expected = new Set<string>()
  #failuresInARow = 0

  constructor(client: VisionClient, onProgress: CaptionOptions['onProgress']) {
    this.#client = client
    this.#onProgress = onProgress
  }

  keep({ key, text, promptTokens, completionTokens }: KeptAnswer): void {
    this.answers.set(key, text)
    this.summary.promptTokens += promptTokens
    this.summary.completionTokens += completionTokens
  }

  expect(key: string): void {
    if (this.#expected.has(key)) return
    this.#expected.add(key)
    this.summary.total++
    const answer = this.answers.get(key)
    if (answer !== undefined) this.#countAnswer(answer)
  }

  take(key: string): boolean {
    return this.#expected.delete(key) && !this.answers.has(key)
  }

  async ask({ key, prompt, pictures }: Question, journal: Journal, signal: AbortSignal): Promise<void> {
    let answer: Answer
    try {
      answer = await this.#client.ask(prompt, await pictures(), signal)
    } catch (error) {
      return this.#countFailure(error)
    }
    const { isWhole, promptTokens, completionTokens } = answer
    const kept = {
      key,
      text: isWhole ? answer.text : wholeSentences(answer.text),
      promptTokens,
      completionTokens,
    }
    await journal.append(kept)
    this.keep(kept)
    this.#failuresInARow = 0
    this.summary.asked++
    this.#countAnswer(kept.text)
    this.#onProgress?.({ ...this.summary })
  }

  #countAnswer(text: string): void {
    this.summary.answered++
    if (text === '') this.summary.empty++
  }

  #countFailure(error: unknown): void {
    const isServers = error instanceof CaptionFailure
    const isPictures = error instanceof ImageError || error instanceof ResourceError
    if (!isPictures || (isServers && error.isFatal)) throw error
    this.summary.failed++
    this.summary.lastFailure = error.message
    if (isServers && ++this.#failuresInARow === FAILURES_IN_A_ROW) {
      throw new ResourceError(
        `${FAILURES_IN_A_ROW} questions in a row failed, the last one so: ${error.message}. What was answered is kept: start again when the server is back`,
        { cause: error },
      )
    }
    this.#onProgress?.({ ...this.summary })
  }
}

/** The lines of the file, in order. Regions without a caption are left out. */
async function* captioned(
  out: string,
  regions: string,
  asking: Asking,
  { answers, summary }: Run,
  signal?: AbortSignal,
): AsyncGenerator<object> {
  const { root, model, prompts } = asking
  yield regionsHeader(out, root, { model, ...prompts })
  for await (const line of regionLines(regions, signal)) {
    if ('skipped' in line) {
      yield line
      continue
    }
    const box: number[][] = []
    const text: string[] = []
    for (const [i, one] of line.box.entries()) {
      const clipped = clipBox(one, line.width, line.height)
      if (!clipped) summary.badBoxes++
      const caption = clipped && (line.text ? line.text[i] : answers.get(keyOf(line, clipped, asking)))
      if (!caption) continue
      box.push(clipped)
      text.push(caption)
    }
    const globalText = line.global_text ?? answers.get(keyOf(line, null, asking))
    yield { ...line, box, text, ...(globalText ? { global_text: globalText } : {}) } satisfies PictureRegions
  }
}

/** Up to the last sentence that ends; what was cut off at the token limit would teach half words. */
function wholeSentences(text: string): string {
  return /^[\s\S]*[.!?。！？]["'”’)]*(?=\s|$)/.exec(text)?.[0] ?? ''
}

function checkAnswer(value: unknown, where: string): KeptAnswer {
  const answer = value as Partial<KeptAnswer> | null
  const isSound =
    typeof answer?.key === 'string' &&
    typeof answer.text === 'string' &&
    Number.isSafeInteger(answer.promptTokens) &&
    Number.isSafeInteger(answer.completionTokens)
  if (isSound) return answer as KeptAnswer
  throw new ResourceError(`${where}: no answer of a vision server; mend or remove the line`)
}
