// `ps3 data …`: pictures with boxes and captions to train from.

import type { Command } from 'commander'
import type { CliContext } from '../context.ts'
import { registerCaption } from '../data/caption.ts'
import { registerInspect } from '../data/inspect.ts'
import { registerPack } from '../data/pack.ts'
import { registerPropose } from '../data/propose.ts'
import { registerSynth } from '../data/synth.ts'
import { registerVerifyData } from '../data/verify.ts'

export function registerData(program: Command, context: CliContext): void {
  const data = program.command('data').description('make data to train from, and look at it')
  registerPropose(data, context)
  registerCaption(data, context)
  registerPack(data, context)
  registerInspect(data, context)
  registerVerifyData(data, context)
  registerSynth(data, context)
}
