// One question on its way to an answer, watched: what was looked at, how many tokens were read, how long it took.

import type {
  AnswerStage,
  AskOptions,
  PictureChat,
  PictureLook,
  QuestionPart,
  TokenCounts,
} from '@ps3js/vila-hd'
import type { CliContext } from '../context.ts'
import type { Stage } from '../encode/encode-picture.ts'
import { formatCount } from '../format.ts'

export interface TokenBill extends TokenCounts {
  /** What cutting the pictures into tiles of the low-res size would take for as much resolution. */
  tiles: number
  answer: number
}

export interface Answered {
  text: string
  finish: 'stop' | 'length' | undefined
  looks: readonly PictureLook[]
  bill: TokenBill
  stages: Stage[]
  /** Until the first token, and in all. */
  firstTokenMs: number
  totalMs: number
}

/** Asks, hands out text as it comes, and says what that took. */
export async function answerWatched(
  chat: PictureChat,
  question: readonly QuestionPart[],
  options: AskOptions,
  { progress, signal }: Pick<CliContext, 'progress' | 'signal'>,
  onText: (text: string) => void,
): Promise<Answered> {
  const started = performance.now()
  const stages: Stage[] = []
  let looks: readonly PictureLook[] = []
  let tokens: TokenCounts = { text: 0, lowRes: 0, highRes: 0, kept: 0 }
  let [firstTokenMs, answer, text] = [0, 0, '']
  let finish: Answered['finish']
  progress.step('looking at the whole')
  const pieces = chat.ask(question, {
    ...options,
    signal,
    onStage: ({ stage, milliseconds }) => {
      stages.push({ name: stage, milliseconds })
      progress.step(NEXT[stage])
    },
    onLooks: (all) => {
      looks = all
      progress.step('reading what was seen')
    },
    onTokens: (counts) => {
      tokens = counts
    },
  })
  for await (const piece of pieces) {
    if (answer++ === 0) firstTokenMs = performance.now() - started
    progress.clear()
    text += piece.text
    finish = piece.finish
    if (piece.text !== '') onText(piece.text)
  }
  const totalMs = performance.now() - started
  return {
    text,
    finish,
    looks,
    bill: { ...tokens, tiles: tiles(looks), answer },
    stages,
    firstTokenMs,
    totalMs,
  }
}

const NEXT: Record<AnswerStage['stage'], string> = {
  'low-res': 'finding out what there is to see',
  selection: 'reading the question',
  question: 'choosing where to look',
  choice: 'looking closely',
  'high-res': 'looking closely',
}

function tiles(looks: readonly PictureLook[]): number {
  return looks.reduce((sum, { sizes, tokens }) => {
    const [low, finest] = [sizes[0]!.grid, sizes.at(-1)!.grid]
    const count = Math.ceil(finest.height / low.height) * Math.ceil(finest.width / low.width)
    return sum + count * tokens.lowRes
  }, 0)
}

/** The bill as rows of a table. */
export function billRows({ text, lowRes, highRes, tiles }: TokenBill): string[][] {
  return [
    ['text', formatCount(text)],
    ['pictures at low resolution', formatCount(lowRes)],
    ['looked at closely', formatCount(highRes)],
    ['together', formatCount(text + lowRes + highRes)],
    ...(tiles > 0 ? [['as tiles at full resolution instead', formatCount(tiles)]] : []),
  ]
}

/** What looking closely saves, in one sentence; empty where nothing was looked at closely. */
export function savings({ highRes, tiles }: TokenBill): string {
  if (highRes === 0 || tiles === 0) return ''
  return `${(tiles / highRes).toFixed(1)} times fewer tokens than tiles of the low-res size at full resolution.`
}
