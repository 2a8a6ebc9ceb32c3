// `ps3 chat IMAGE…`: question after question about the same pictures; what was seen and read is kept.

import { createInterface } from 'node:readline'
import { decodeImage, type RgbImage } from '@ps3js/ps3-encoder'
import { PS3Error, useBackend } from '@ps3js/tensor'
import type { PictureChat, QuestionPart } from '@ps3js/vila-hd'
import type { Command } from 'commander'
import { answerWatched } from '../ask/answering.ts'
import { type AnswerFlags, addAnswerOptions, loadAssistant, samplingOptions } from '../ask/assistant.ts'
import { type LookFlags, lookOptions } from '../ask/look-flags.ts'
import type { CliContext } from '../context.ts'
import { formatCount, formatDuration } from '../format.ts'

type ChatFlags = AnswerFlags & LookFlags

const HELP = '/image FILE adds a picture to the next question, /quit ends.\n'

export function registerChat(program: Command, context: CliContext): void {
  const command = program
    .command('chat')
    .description('talk about pictures in the terminal: a question on each line')
    .argument('[image...]', 'pictures; more can follow in the conversation')
  addAnswerOptions(command).action(async (paths: string[], flags: ChatFlags) => {
    const look = lookOptions(flags, command)
    await useBackend(flags.backend)
    const images: RgbImage[] = []
    for (const path of paths) images.push(await decodeImage(path, { signal: context.signal }))
    const { assistant } = await loadAssistant(flags, context)
    const chat = assistant.chat({ system: flags.system })
    try {
      context.progress.clear()
      await converse(chat, images, { ...samplingOptions(flags), look }, context)
    } finally {
      chat.dispose()
      assistant.dispose()
    }
  })
}

/** Until the input ends. Ctrl-C stops an answer; between answers it ends the conversation. */
async function converse(
  chat: PictureChat,
  images: readonly QuestionPart[],
  options: Parameters<typeof answerWatched>[2],
  context: CliContext,
): Promise<void> {
  const { stdout, stderr, progress, signal, stdin } = context
  const isTerminal = 'isTTY' in stdin && stdin.isTTY === true
  const lines = createInterface({
    input: stdin,
    output: isTerminal ? process.stdout : undefined,
    terminal: isTerminal,
  })
  let answering: AbortController | undefined
  lines.on('SIGINT', () => (answering ? answering.abort() : lines.close()))
  const stop = () => lines.close()
  signal.addEventListener('abort', stop, { once: true })
  let pending = [...images]
  if (isTerminal) stderr(HELP)
  lines.setPrompt('> ')
  if (isTerminal) lines.prompt()
  try {
    for await (const line of lines) {
      const text = line.trim()
      if (text === '/quit') break
      const [, file] = /^\/image\s+(.+)$/.exec(text) ?? []
      answering = new AbortController()
      const within = AbortSignal.any([signal, answering.signal])
      try {
        if (file) pending.push(await decodeImage(file, { signal: within }))
        else if (text === '/image') stderr(HELP)
        else if (text !== '') {
          const answered = await answerWatched(
            chat,
            [...pending, text],
            options,
            { progress, signal: within },
            stdout,
          )
          pending = []
          const { bill, firstTokenMs } = answered
          const read = bill.text + bill.lowRes + bill.highRes
          stdout('\n')
          stderr(
            `(${formatCount(read)} tokens, ${formatCount(bill.kept)} of them kept; first one after ${formatDuration(firstTokenMs)})\n`,
          )
        }
      } catch (error) {
        signal.throwIfAborted()
        progress.clear()
        if (answering.signal.aborted) stderr('(stopped; ask again)\n')
        else if (error instanceof PS3Error) stderr(`ps3: ${error.message}\n`)
        else throw error
      }
      answering = undefined
      if (isTerminal) lines.prompt()
    }
    signal.throwIfAborted()
  } finally {
    signal.removeEventListener('abort', stop)
    lines.close()
  }
}
