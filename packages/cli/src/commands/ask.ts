// `ps3 ask IMAGE… QUESTION`: pictures and a question in, the answer out as it comes.

import { existsSync } from 'node:fs'
import { decodeImage, type RgbImage } from '@ps3js/ps3-encoder'
import { InvalidArgumentError, useBackend } from '@ps3js/tensor'
import type { Command } from 'commander'
import { type Answered, answerWatched, billRows, savings } from '../ask/answering.ts'
import { type AnswerFlags, addAnswerOptions, loadAssistant, samplingOptions } from '../ask/assistant.ts'
import { type LookFlags, lookOptions } from '../ask/look-flags.ts'
import { writeReports } from '../ask/show.ts'
import type { CliContext } from '../context.ts'
import { peakMemory } from '../encode/summary.ts'
import { formatDuration, formatTable } from '../format.ts'
import { requireDirectoryOrNothing } from '../staging.ts'

type AskFlags = AnswerFlags & LookFlags & { show?: string; json?: boolean }

export function registerAsk(program: Command, context: CliContext): void {
  const command = program
    .command('ask')
    .description('answer a question about pictures: first the whole, then closely where the question asks to')
    .argument('<image-and-question...>', 'pictures, and the question last')
  addAnswerOptions(command)
    .option('--show <dir>', 'write where it looked and what it read; several pictures get a folder each')
    .option('--json', 'print one JSON object at the end instead of the answer as it comes')
    .action(async (given: string[], flags: AskFlags) => {
      const question = given.at(-1)!
      const paths = given.slice(0, -1)
      if (paths.length === 0) {
        throw new InvalidArgumentError(
          'name at least one picture before the question, as in: ps3 ask sign.jpg "What does it say?"',
        )
      }
      if (question.trim() === '') throw new InvalidArgumentError('the question, which comes last, is empty')
      if (existsSync(question)) {
        throw new InvalidArgumentError(`${question} is a file: the question comes last, behind all pictures`)
      }
      if (flags.show) await requireDirectoryOrNothing(flags.show)
      await ask(paths, question, flags, command, context)
    })
}

async function ask(
  paths: readonly string[],
  question: string,
  flags: AskFlags,
  command: Command,
  context: CliContext,
): Promise<void> {
  const { progress, signal, stdout, stderr } = context
  const look = lookOptions(flags, command)
  const backend = await useBackend(flags.backend)
  const images: RgbImage[] = []
  for (const path of paths) {
    progress.step(`reading ${path}`)
    images.push(await decodeImage(path, { signal }))
  }
  const { assistant, name } = await loadAssistant(flags, context)
  const chat = assistant.chat({ system: flags.system })
  try {
    const options = { ...samplingOptions(flags), look }
    const print = flags.json ? () => {} : stdout
    const answered = await answerWatched(chat, [...images, question], options, context, print)
    if (!flags.json) stdout('\n')
    const shown = { paths, images, question, answered, flags }
    let pages: string[] = []
    try {
      if (flags.show) pages = await writeReports(flags.show, shown, assistant, name, backend, context)
    } finally {
      // What was answered is told also where the report of it cannot be written.
      progress.clear()
      if (flags.json) stdout(`${JSON.stringify({ ...summary(answered, paths), pages })}\n`)
      else stderr(billOf(answered))
    }
    for (const page of flags.json ? [] : pages) stderr(`${page}\n`)
    if (flags.show && pages.length === 0)
      stderr(`${flags.show}: nothing to show, as no picture was looked at closely\n`)
  } finally {
    chat.dispose()
    assistant.dispose()
  }
}

function summary({ text, finish, bill, looks, ...times }: Answered, paths: readonly string[]) {
  const pictures = looks.map(({ tokens, selection, standIn }, i) => {
    return { picture: paths[i], tokens, patches: selection.indices.map(({ length }) => length), standIn }
  })
  return { answer: text, finish, tokens: bill, pictures, ...times, peakMemoryBytes: peakMemory() }
}

function billOf({ bill, firstTokenMs, totalMs }: Answered): string {
  const saved = savings(bill)
  const times = `first token after ${formatDuration(firstTokenMs)}, ${bill.answer} tokens in ${formatDuration(totalMs)}`
  return `${formatTable(billRows(bill))}${saved && `${saved}\n`}${times}\n`
}
