// A configuration of pre-training: what it names by a relative path lies beside it.

import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileError } from '@ps3js/tensor'
import { readTrainConfig, type TrainConfig } from '@ps3js/trainer'
import { placed } from './placed.ts'

/** Throws ConfigError or ResourceError. */
export async function readConfigFile(path: string): Promise<TrainConfig> {
  const text = await readFile(path, 'utf8').catch((error) => {
    throw fileError(error, 'read', path)
  })
  return placed(readTrainConfig(text, path), dirname(path), {
    files: ['data', 'evaluation'].flatMap((part) => [
      [part, 'shards'],
      [part, 'captions'],
    ]),
    refs: ['from', 'tokenizer', 'initializeFrom'].map((part) => ['model', part]),
  })
}
