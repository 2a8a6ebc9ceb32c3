// A run's configuration file: what it names by a relative path lies beside it.

import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { fileError } from '@ps3js/tensor'
import { readTrainConfig, type TrainConfig } from '@ps3js/trainer'

/** Throws ConfigError or ResourceError. */
export async function readConfigFile(path: string): Promise<TrainConfig> {
  const text = await readFile(path, 'utf8').catch((error) => {
    throw fileError(error, 'read', path)
  })
  return placed(readTrainConfig(text, path), dirname(path))
}

function placed(config: TrainConfig, folder: string): TrainConfig {
  const { model, data, evaluation } = config
  const file = (location: string) => (isAddress(location) ? location : resolve(folder, location))
  // `owner/name` may mean the hub: it is a folder only where there is one.
  const ref = (name: string) => (existsSync(resolve(folder, name)) ? resolve(folder, name) : name)
  return {
    ...config,
    model: {
      ...model,
      ...each({ from: model.from, tokenizer: model.tokenizer, initializeFrom: model.initializeFrom }, ref),
    },
    ...(data && { data: { ...data, ...each({ shards: data.shards, captions: data.captions }, file) } }),
    evaluation: {
      ...evaluation,
      ...each({ shards: evaluation.shards, captions: evaluation.captions }, file),
    },
  }
}

const isAddress = (location: string) => /^[a-z]{2,}:/i.test(location)

/** The given entries that have a value, changed. */
function each<K extends string>(
  entries: Record<K, string | undefined>,
  change: (text: string) => string,
): Partial<Record<K, string>> {
  const given = Object.entries(entries).filter((entry): entry is [K, string] => entry[1] !== undefined)
  return Object.fromEntries(given.map(([key, value]) => [key, change(value)])) as Partial<Record<K, string>>
}
