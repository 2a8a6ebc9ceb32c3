// A configuration file of these examples: what it names by a relative path lies beside it.
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { parseTrainConfig, readTrainConfig } from '@ps3js/trainer'

/** @param overrides settings in place of the file's; with other `steps` the schedule's phases keep their shares */
export async function readConfig(file, overrides = {}) {
  const config = readTrainConfig(await readFile(file, 'utf8'), file)
  const { tokenizer } = config.model
  const model = tokenizer?.startsWith('.')
    ? { ...config.model, tokenizer: resolve(dirname(file), tokenizer) }
    : config.model
  const schedule = inProportion(config.schedule, (overrides.steps ?? config.steps) / config.steps)
  return parseTrainConfig({ ...config, model, schedule, ...overrides }, file)
}

function inProportion({ warmupSteps, cooldownSteps, ...schedule }, ratio) {
  if (!(ratio > 0)) return { ...schedule, warmupSteps, cooldownSteps }
  // So rounded, they fit a run of a single step too.
  const cooldown = cooldownSteps && Math.ceil(cooldownSteps * ratio)
  return { ...schedule, warmupSteps: Math.floor(warmupSteps * ratio), cooldownSteps: cooldown }
}
