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

function inProportion(schedule, ratio) {
  const phases = Object.entries(schedule).filter(([, steps]) => typeof steps === 'number')
  return {
    ...schedule,
    ...Object.fromEntries(phases.map(([name, steps]) => [name, Math.ceil(steps * (ratio || 1))])),
  }
}
