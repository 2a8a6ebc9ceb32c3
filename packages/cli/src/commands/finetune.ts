// `ps3 finetune CONFIG` and `ps3 finetune --resume DIR`: VILA-HD learns to answer, and where to look for the answer.

import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileError } from '@ps3js/tensor'
import {
  type FineTuneConfig,
  type FineTuningOptions,
  printFineTuneConfig,
  type RunOptions,
  readFineTuneConfig,
  resumeFineTuning,
  startFineTuning,
} from '@ps3js/trainer'
import type { Command } from 'commander'
import type { CliContext } from '../context.ts'
import { placed } from '../train/placed.ts'
import { registerRunCommand } from '../train/run-command.ts'

export function registerFineTune(program: Command, context: CliContext): void {
  const telling = (options: RunOptions): FineTuningOptions => ({
    ...options,
    onSkip: ({ key, reason }) => context.stdout(`left out: ${key}: ${reason}\n`),
  })
  registerRunCommand(program, context, {
    name: 'finetune',
    description: 'fine-tune a VILA-HD on questions: begin a run, or take one up exactly where it stopped',
    read: readConfigFile,
    print: printFineTuneConfig,
    start: (config, directory, options) => startFineTuning(config, directory, telling(options)),
    resume: (directory, options) => resumeFineTuning(directory, telling(options)),
  })
}

/** Throws ConfigError or ResourceError. */
async function readConfigFile(path: string): Promise<FineTuneConfig> {
  const text = await readFile(path, 'utf8').catch((error) => {
    throw fileError(error, 'read', path)
  })
  const parts = ['visionTower', 'languageModel', 'tokenizer'].map((part) => ['model', 'parts', part])
  return placed(readFineTuneConfig(text, path), dirname(path), {
    files: [
      ['data', 'shards'],
      ['evaluation', 'shards'],
    ],
    refs: [['model', 'from'], ...parts],
  })
}
