// A conversation about pictures: texts and pictures in, text out as it comes. It keeps what was seen and read, so that the
// next question on the same pictures starts from there.

import { type ChatMessage, StreamDecoder, type TextTokenizer } from '@ps3js/language-model'
import type { ImageProcessor, RgbImage } from '@ps3js/ps3-encoder'
import { InvalidArgumentError } from '@ps3js/tensor'
import type { Picture } from './picture.ts'
import { type AnswerOptions, PictureReader } from './reader.ts'
import type { VilaHd } from './vila-hd.ts'

/** How VILA writes a picture in a text. */
export const PICTURE_TAG = '<image>'

/** What a question consists of, in order: texts, and pictures of any size. */
export type QuestionPart = string | RgbImage

export interface AskOptions extends Omit<AnswerOptions, 'isDone'> {
  /** Texts that end an answer and are not part of it. */
  stop?: readonly string[]
}

/** A piece of an answer. */
export interface AnswerPiece {
  /** May be empty while a character is not complete. */
  text: string
  id: number
  /** Set with the last piece: an end token or stop string, or `maxTokens` reached. */
  finish?: 'stop' | 'length'
}

export interface ChatParts {
  model: VilaHd
  tokenizer: TextTokenizer
  processor: ImageProcessor
  /** Tokens that end an answer. */
  stopIds: readonly number[]
}

export class PictureChat {
  readonly #parts: ChatParts
  readonly #reader: PictureReader
  #messages: readonly ChatMessage[]
  #pictures: readonly Picture[] = []

  constructor(parts: ChatParts, { system }: { system?: string } = {}) {
    this.#parts = parts
    this.#reader = new PictureReader(parts.model)
    this.#messages = system === undefined ? [] : [{ role: 'system', content: system }]
  }

  /** What was said so far; pictures stand as tags. */
  get messages(): readonly ChatMessage[] {
    return this.#messages
  }

  /**
   * Answers a question, piece by piece. Pictures of earlier questions are still there. An answer that is not read to its
   * end (`break`, an error, an abort) leaves the conversation as it was before the question.
   *
   * @throws InvalidArgumentError before any work starts, as `PictureReader.answer`
   */
  async *ask(
    question: string | readonly QuestionPart[],
    { stop = [], ...options }: AskOptions = {},
  ): AsyncGenerator<AnswerPiece, void, void> {
    const { tokenizer, processor, stopIds: own } = this.#parts
    const { stopIds = own, maxTokens = 256, signal } = options
    const pictures = [...this.#pictures]
    const written = (typeof question === 'string' ? [question] : question).map((part) => {
      if (typeof part === 'string') return part
      const { width, height } = part
      pictures.push({ image: processor.process(part, { signal }), originalSize: { width, height } })
      return PICTURE_TAG
    })
    const messages = [...this.#messages, { role: 'user', content: written.join('').trim() }]
    const ids = tokenizer.encodeChat(messages)
    if (ids.length === 0) throw new InvalidArgumentError('the question is empty: it needs at least one token')

    const decoder = new StreamDecoder(tokenizer, stop)
    let text = ''
    let content = ''
    const isDone = ({ id }: { id: number }) => {
      text = stopIds.includes(id) ? '' : decoder.push(id)
      return decoder.stopped
    }
    const tokens = this.#reader.answer({ ids, pictures }, { ...options, stopIds, maxTokens, isDone })
    for await (const { id, index } of tokens) {
      const stopped = stopIds.includes(id) || decoder.stopped
      const ended = stopped || index + 1 === maxTokens
      if (ended) text += decoder.finish()
      content += text
      if (ended) {
        // An answer's own tag would stand for a picture that is not there.
        const said = content.replaceAll(PICTURE_TAG, '')
        this.#messages = [...messages, { role: 'assistant', content: said }]
        this.#pictures = pictures
      }
      const finish = stopped || decoder.stopped ? 'stop' : 'length'
      yield ended ? { text, id, finish } : { text, id }
    }
  }

  /** Answers a question to its end. */
  async answer(question: string | readonly QuestionPart[], options?: AskOptions): Promise<string> {
    let text = ''
    for await (const piece of this.ask(question, options)) text += piece.text
    return text
  }

  dispose(): void {
    this.#reader.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
