// How closely to look, as the command line or the reference's environment variables say it. Options win.

import type { Box } from '@ps3js/patch-selector'
import { InvalidArgumentError } from '@ps3js/tensor'
import type { LookMode, PictureLookOptions } from '@ps3js/vila-hd'
import { type Command, Option } from 'commander'
import { box, oneOf, share, whole, wholeOrAll } from '../option-values.ts'

export interface LookFlags {
  looks?: number | 'all'
  tokens?: number | 'all'
  perScale?: number[]
  mode?: LookMode
  smooth?: boolean | number
  coverage?: number
  scales?: number
  box: Box[]
}

export function addLookOptions(command: Command): Command {
  const option = (
    flags: string,
    description: string,
    environment: string,
    parse: (text: string) => unknown,
  ) => command.addOption(new Option(flags, description).env(environment).argParser(parse))
  option(
    '--looks <n>',
    'closer looks at each picture, or all; 0 for none',
    'NUM_LOOK_CLOSE',
    wholeOrAll('--looks'),
  )
  option('--tokens <n>', 'patches in all for each picture', 'NUM_TOKEN_LOOK_CLOSE', wholeOrAll('--tokens'))
  option('--per-scale <a+b>', 'patches per look at each scale', 'SELECT_NUM_EACH_SCALE', perScale)
  option(
    '--mode <mode>',
    'after-prompt: the question says where; after-image: the picture',
    'LOOK_CLOSE_MODE',
    mode,
  )
  option(
    '--smooth <value>',
    'take whole regions: true, false, or a number of cells',
    'SMOOTH_SELECTION_PROB',
    smooth,
  )
  return command
    .option('--coverage <p>', 'as few patches as hold this share of the probability', share('--coverage'))
    .option('--scales <n>', 'only the first n scales above the low-res one', whole('--scales', 1))
    .option('--box <x1,y1,x2,y2>', 'look only here, in pixels of the picture; may be repeated', collect, [])
}

/** Where a limit comes from the command line, one from the environment does not count; of two there, tokens do. */
export function lookOptions(flags: LookFlags, command: Command): PictureLookOptions {
  const isGiven = (name: keyof LookFlags) =>
    flags[name] !== undefined && command.getOptionValueSource(name) !== 'env'
  const explicit = isGiven('looks') || isGiven('tokens') || isGiven('coverage')
  const use = (name: 'looks' | 'tokens') => (isGiven(name) || !explicit ? flags[name] : undefined)
  const tokens = use('tokens')
  return {
    looks: tokens !== undefined && !explicit ? undefined : use('looks'),
    tokens,
    budget: flags.perScale,
    mode: flags.mode,
    smooth: flags.smooth,
    coverage: flags.coverage,
    firstScales: flags.scales,
    within: flags.box.length > 0 ? flags.box : undefined,
  }
}

function perScale(text: string): number[] {
  return text.split(/[+,]/).map((part) => whole('--per-scale')(part.trim()))
}

const mode = (text: string) =>
  oneOf<LookMode>('--mode', ['after-prompt', 'after-image'])(text.replace('_', '-'))

function smooth(text: string): boolean | number {
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === 'true'
  try {
    return whole('--smooth', 1)(text)
  } catch (cause) {
    throw new InvalidArgumentError(`--smooth ${text}: give true, false, or a number of cells`, { cause })
  }
}

function collect(text: string, boxes: Box[]): Box[] {
  return [...boxes, box(text)]
}
