// A configuration file of these examples: what it names by a relative path lies beside it.
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { parseTrainConfig, readTrainConfig } from '@ps3js/trainer'

/** @param overrides settings in place of the file's */
export async function readConfig(file, overrides = {}) {
  const config = readTrainConfig(await readFile(file, 'utf8'), file)
  const { tokenizer } = config.model
  const model = tokenizer?.startsWith('.')
    ? { ...config.model, tokenizer: resolve(dirname(file), tokenizer) }
    : config.model
  return parseTrainConfig({ ...config, model, ...overrides }, file)
}
