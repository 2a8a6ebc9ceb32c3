// The command line as a whole: one file per command.

import { Command } from 'commander'
import { registerBench } from './commands/bench.ts'
import { registerConvert } from './commands/convert.ts'
import { registerInfo } from './commands/info.ts'
import { registerNative } from './commands/native.ts'
import type { CliContext } from './context.ts'
import { registerVerify } from './verify/command.ts'

export function createProgram(context: CliContext): Command {
  const program = new Command('ps3')
    .description(
      'PS3 reads a whole picture at low resolution, then looks closely, at up to 4K, where it matters',
    )
    .exitOverride()
    .configureOutput({ writeOut: context.stdout, writeErr: context.stderr })
  registerInfo(program, context)
  registerConvert(program, context)
  registerVerify(program)
  registerNative(program, context)
  registerBench(program, context)
  return program
}
