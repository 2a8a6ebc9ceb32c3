// The command line: every subcommand in one place, and how a run ends.

import { Command } from 'commander'
import manifest from '../package.json' with { type: 'json' }
import { EXIT, explainError, isDebug } from './cli-errors.ts'
import { registerAsk } from './commands/ask.ts'
import { registerBench } from './commands/bench.ts'
import { registerChat } from './commands/chat.ts'
import { registerConvert } from './commands/convert.ts'
import { registerData } from './commands/data.ts'
import { registerEncode } from './commands/encode.ts'
import { registerEval } from './commands/eval.ts'
import { registerFineTune } from './commands/finetune.ts'
import { registerInfo } from './commands/info.ts'
import { registerNative } from './commands/native.ts'
import { registerTrain } from './commands/train.ts'
import type { CliContext } from './context.ts'
import { registerVerify } from './verify/command.ts'

export function buildProgram(context: CliContext): Command {
  const program = new Command('ps3')
    .description('PS3 in TypeScript: look at a picture as a whole, then at up to 4K where it matters')
    .version(manifest.version)
  // Set before subcommands are added: they inherit it.
  program.exitOverride().configureOutput({ writeOut: context.stdout, writeErr: context.stderr })
  registerEncode(program, context)
  registerAsk(program, context)
  registerChat(program, context)
  registerInfo(program, context)
  registerConvert(program, context)
  registerData(program, context)
  registerTrain(program, context)
  registerFineTune(program, context)
  registerEval(program, context)
  registerVerify(program, context)
  registerNative(program, context)
  registerBench(program, context)
  return program
}

/** Runs one command line (without program and script) and returns its exit status. Never throws. */
export async function runCli(args: readonly string[], context: CliContext): Promise<number> {
  try {
    await buildProgram(context).parseAsync(args as string[], { from: 'user' })
    return Number(process.exitCode ?? EXIT.ok)
  } catch (error) {
    context.progress.clear()
    const { status, text } = explainError(error, isDebug())
    if (text) context.stderr(text)
    return status
  }
}
