// Answers questions about pictures in two passes (generate of NVlabs/VILA llava_arch.py): the language model reads the
// pictures at low resolution and the question, its state there says where to look, and it answers from what is seen there.
// What one answer has read serves the next one and, within an answer, the second pass.

import {
  checkGeneration,
  contextLength,
  type GeneratedToken,
  type GenerateOptions,
  generate,
  prefill,
} from '@ps3js/language-model'
import {
  InvalidArgumentError,
  PS3Error,
  slice,
  type Tensor,
  TensorScope,
  tensorData,
  tidy,
} from '@ps3js/tensor'
import { KeptRows, type RowKey } from './kept-rows.ts'
import {
  type LookPlan,
  mostTokens,
  mostTokensOf,
  type PictureLookOptions,
  planPictures,
  requireDirection,
  requirePromptHead,
} from './look.ts'
import {
  geometryOf,
  lowResTokens,
  type OnChosen,
  type Picture,
  type PictureLook,
  SeenPicture,
} from './picture.ts'
import { type RowBill, requireRoom } from './room.ts'
import { buildSequence, countRows, questionRange, type Segment } from './sequence.ts'
import type { VilaHd } from './vila-hd.ts'

/** A text in which tags stand for pictures, and those pictures in their order. */
export interface PictureQuestion {
  ids: readonly number[]
  pictures: readonly Picture[]
}

/** Of what the time was spent on before the answer's first token; the stages of looking come once for each picture. */
export interface AnswerStage {
  stage: 'low-res' | 'selection' | 'question' | 'choice' | 'high-res'
  milliseconds: number
}

/** What the language model has before it when it begins to answer. */
export interface TokenCounts {
  /** Text, with what ends each picture. */
  text: number
  lowRes: number
  highRes: number
  /** How many of all of them had been read before. */
  kept: number
}

export interface AnswerOptions extends GenerateOptions {
  look?: PictureLookOptions
  /** What was looked at closely in all pictures, before the answer begins. */
  onLooks?: (looks: readonly PictureLook[]) => void | Promise<void>
  /** Called right before the answer's own pass. */
  onTokens?: (tokens: TokenCounts) => void
  onStage?: (stage: AnswerStage) => void
}

export class PictureReader {
  readonly #model: VilaHd
  /** `question` has the pictures at low resolution only; `answer` goes on to the end of what was said. */
  readonly #kept: { question: KeptRows; answer: KeptRows }
  /** The pictures of the latest question, in its order. */
  #seen: SeenPicture[] = []
  /** Pictures seen so far, which are named by their number. */
  #names = 0
  #busy = false
  #isGone = false
  #onStage: ((stage: AnswerStage) => void) | undefined

  constructor(model: VilaHd) {
    this.#model = model
    this.#kept = { question: new KeptRows(model.llm.config), answer: new KeptRows(model.llm.config) }
  }

  /**
   * Answers, token by token. Stop reading (`break`) or abort the signal to end early. What this text and these pictures
   * (the very same images) have in common with the last ones is not computed again.
   *
   * @throws InvalidArgumentError before any work starts when tags and pictures do not match, an option is out of range, or
   *   the text, the pictures and the answer do not fit into the model's context
   */
  async *answer(
    question: PictureQuestion,
    options: AnswerOptions = {},
  ): AsyncGenerator<GeneratedToken, void, void> {
    if (this.#busy) {
      throw new InvalidArgumentError(
        'this reader is still answering: finish or stop that answer first, or use another reader',
      )
    }
    this.#busy = true
    try {
      yield* this.#run(question, options)
    } finally {
      this.#busy = false
    }
  }

  /** Frees the keys and values of what was read; the next answer reads all of it anew. Pictures stay seen. */
  forget(): void {
    this.#kept.question.dispose()
    this.#kept.answer.dispose()
  }

  /** An answer that is not at its end cannot go on. */
  dispose(): void {
    this.#isGone = true
    this.forget()
    for (const picture of this.#seen) picture.dispose()
    this.#seen = []
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  async *#run(
    { ids, pictures }: PictureQuestion,
    { look = {}, onLooks, onTokens, onStage, ...generation }: AnswerOptions,
  ): AsyncGenerator<GeneratedToken, void, void> {
    checkGeneration(generation)
    const { imageTokenId } = this.#model.config
    const segments = buildSequence(ids, { imageTokenId, pictures: pictures.length })
    const plans = this.#plan(pictures, look)
    const { mm_projector: connector } = this.#model
    const bill = this.#bill(segments, pictures, generation.maxTokens ?? 256)
    const most = plans?.map((plan) => mostTokens(plan, connector)) ?? []
    this.#requireRoom({ ...bill, highRes: sum(most) })
    this.#onStage = onStage
    // Pictures outlive a question: what they report goes to whoever asks now.
    const work = { signal: generation.signal, onStage: (stage: AnswerStage) => this.#onStage?.(stage) }
    await this.#see(pictures, work)
    if (plans) {
      // Only now is it known how much `coverage` takes.
      const onChosen: OnChosen = (i, { indices }) => {
        const counts = indices.map(({ length }) => length)
        most[i] = mostTokensOf(counts, plans[i]!.grids, connector)
        this.#requireRoom({ ...bill, highRes: sum(most) })
      }
      const looks = await this.#look(ids, plans, look, generation, { ...work, onChosen })
      await onLooks?.(looks)
    }

    using scope = new TensorScope()
    const { rows, kept } = this.#startOf('answer', segments, { high: plans !== null })
    scope.track(rows)
    onTokens?.(this.#count(segments, { high: plans !== null }, kept.cache.length))
    for await (const token of generate(this.#model.llm, [{ prompt: rows, past: kept.cache }], generation)) {
      kept.push(token.id)
      yield token
      if (this.#isGone) throw new PS3Error('disposed', 'this reader was disposed while it answered')
    }
  }

  #count(segments: readonly Segment[], { high }: { high: boolean }, kept: number): TokenCounts {
    const pictures = this.#seen.map((picture) => picture.tokens({ high }))
    return {
      text: this.#textRows(segments),
      lowRes: sum(pictures.map(({ low }) => low?.shape[0] ?? 0)),
      highRes: sum(pictures.map((picture) => picture.high?.shape[0] ?? 0)),
      kept,
    }
  }

  /** What to look at closely, null for nothing; checked as far as it can be before work starts. */
  #plan(pictures: readonly Picture[], look: PictureLookOptions): LookPlan[] | null {
    const { config, mm_projector: connector, vision_tower } = this.#model
    const geometry = pictures.map((picture) => geometryOf(this.#model, picture))
    const encoder = { budget: vision_tower.budget, scales: vision_tower.config.vision.ps3_scales }
    const plans = planPictures(geometry, look, config, encoder)
    if (plans) requirePromptHead(look.mode ?? config.lookMode, connector)
    return plans
  }

  /** Rows of all but the closer looks. */
  #bill(
    segments: readonly Segment[],
    pictures: readonly Picture[],
    answer: number,
  ): Omit<RowBill, 'highRes'> {
    return {
      text: this.#textRows(segments),
      lowRes: sum(pictures.map((picture) => lowResTokens(this.#model, picture))),
      answer,
    }
  }

  /** Rows of text, with what ends each picture. */
  #textRows(segments: readonly Segment[]): number {
    return countRows(segments, () => this.#model.config.pictureEndIds.length)
  }

  #requireRoom(bill: RowBill): void {
    requireRoom(bill, contextLength(this.#model.llm.config))
  }

  /** The low-res pass of pictures that were not in the last question; those that no longer are in it are let go. */
  async #see(pictures: readonly Picture[], work: WorkOptions): Promise<void> {
    const before = this.#seen
    this.#seen = []
    try {
      for (const { image } of pictures) {
        const known = before.findIndex((seen) => seen.image === image)
        const [seen] =
          known < 0
            ? [await SeenPicture.see(this.#model, image, this.#names++, work)]
            : before.splice(known, 1)
        this.#seen.push(seen!)
      }
    } finally {
      for (const gone of before) gone.dispose()
    }
  }

  /** Looks closely at every picture: where the question asks to, or where the pictures themselves do. */
  async #look(
    ids: readonly number[],
    plans: readonly LookPlan[],
    { mode = this.#model.config.lookMode }: PictureLookOptions,
    generation: GenerateOptions,
    work: WorkOptions & { onChosen: OnChosen },
  ): Promise<PictureLook[]> {
    using scope = new TensorScope()
    const asked = mode === 'after-prompt' && plans.length > 0
    const prompt = asked ? scope.track(await this.#prompt(ids, generation, work)) : undefined
    const looks: PictureLook[] = []
    for (const [i, plan] of plans.entries()) looks.push(await this.#seen[i]!.look(i, prompt, plan, work))
    return looks
  }

  /** The first pass: what the language model wants to see when it has read the question. [1, C] */
  async #prompt(
    ids: readonly number[],
    { signal, chunkTokens, onProgress }: GenerateOptions,
    { onStage }: WorkOptions,
  ): Promise<Tensor> {
    const { config, llm, mm_projector } = this.#model
    const started = performance.now()
    const [start, end] = questionRange(ids, config)
    const question = ids.slice(0, end)
    const meanOver = config.promptState === 'mean' ? Math.max(1, end - start) : 1
    using scope = new TensorScope()
    const pictures = question.filter((id) => id === config.imageTokenId).length
    const segments = buildSequence(question, { imageTokenId: config.imageTokenId, pictures })
    const { rows, kept } = this.#startOf('question', segments, { high: false, atLeast: meanOver })
    scope.track(rows)
    const part = { prompt: rows, past: kept.cache }
    const state = scope.track(await prefill(llm, [part], { signal, chunkTokens, meanOver, onProgress }))
    const prompt = scope.run(() => mm_projector.prompt(state))
    requireDirection(await tensorData(prompt, { signal }), 'the state after the question')
    onStage?.({ stage: 'question', milliseconds: performance.now() - started })
    return scope.keep(prompt)
  }

  /** Rows that are still to be read of a sequence, `atLeast` so many of its last ones, and the cache that holds those before them. */
  #startOf(
    pass: 'question' | 'answer',
    segments: readonly Segment[],
    { high, atLeast = 1 }: { high: boolean; atLeast?: number },
  ): { rows: Tensor; kept: KeptRows } {
    const { llm, config } = this.#model
    const keys = segments.flatMap((segment): readonly RowKey[] =>
      'ids' in segment
        ? segment.ids
        : [...this.#seen[segment.picture]!.rowKeys({ high }), ...config.pictureEndIds],
    )
    const { question, answer } = this.#kept
    const best = question.common(keys) > answer.common(keys) ? question : answer
    const start = Math.min(best.common(keys), keys.length - atLeast)
    if (best !== this.#kept[pass]) {
      const fork = best.fork(llm.config)
      this.#kept[pass].dispose()
      this.#kept[pass] = fork
    }
    const kept = this.#kept[pass]
    kept.goOn(keys, start)
    const pictures = this.#seen.map((picture) => picture.tokens({ high }))
    const rows = tidy(() => slice(this.#model.embedSequence(segments, pictures), [start, 0], [-1, -1]))
    return { rows, kept }
  }
}

interface WorkOptions {
  signal?: AbortSignal
  onStage?: (stage: AnswerStage) => void
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0)
