// For tests of readers: models that are freed at the end, and an answer with what was seen on the way to it.
import { afterAll } from 'vitest'
import { picture, type TinyOptions, tinyAssistant } from '../../../tools/tiny-vila-hd.ts'
import type { AnswerOptions, PictureLook, PictureReader } from './index.ts'

const made: { dispose(): void }[] = []

/** A model, and its tokens of a question. */
export function tiny(options?: TinyOptions) {
  const assistant = tinyAssistant(options)
  made.push(assistant)
  const ask = (text: string) => assistant.tokenizer.encodeChat([{ role: 'user', content: text }])
  return { model: assistant.model, ask }
}

afterAll(() => {
  for (const one of made) one.dispose()
})

export async function answer(
  reader: PictureReader,
  question: Parameters<PictureReader['answer']>[0],
  options: AnswerOptions = {},
) {
  const ids: number[] = []
  let looks: readonly PictureLook[] = []
  let read = 0
  const watching: AnswerOptions = {
    maxTokens: 6,
    ...options,
    onLooks: async (all) => {
      looks = all
      await options.onLooks?.(all)
    },
    onProgress: (progress) => {
      if (progress.read === progress.total) read += progress.total
    },
  }
  for await (const { id } of reader.answer(question, watching)) ids.push(id)
  return { ids, looks, read }
}

export const image = picture(1)
