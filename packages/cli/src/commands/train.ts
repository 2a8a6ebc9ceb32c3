// `ps3 train CONFIG` and `ps3 train --resume DIR`: pre-training, with everything that a run leaves behind in one folder.

import {
  printTrainConfig,
  type RunOptions,
  resumeTraining,
  startTraining,
  type TrainingOptions,
} from '@ps3js/trainer'
import type { Command } from 'commander'
import type { CliContext } from '../context.ts'
import { readConfigFile } from '../train/read-config.ts'
import { registerRunCommand } from '../train/run-command.ts'

export function registerTrain(program: Command, context: CliContext): void {
  const telling = (options: RunOptions): TrainingOptions => ({
    ...options,
    onInitialized: ({ loaded, fresh }) =>
      context.stdout(`${loaded.length} tensors from the checkpoint, ${fresh.length} begin at random\n`),
    onSkip: ({ key, reason }) => context.stdout(`left out: ${key}: ${reason}\n`),
  })
  registerRunCommand(program, context, {
    name: 'train',
    description: 'pre-train a model: begin a run, or take one up exactly where it stopped',
    read: readConfigFile,
    print: printTrainConfig,
    start: (config, directory, options) => startTraining(config, directory, telling(options)),
    resume: (directory, options) => resumeTraining(directory, telling(options)),
  })
}
