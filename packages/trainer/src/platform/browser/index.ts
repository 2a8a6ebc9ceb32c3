// What this package needs of the browser; the other platform's folder exports the same names.

import { ResourceError } from '@ps3js/tensor'

/** Browsers do not say. */
export const memoryBytes = (): number | undefined => undefined

export async function makeDirectory(path: string): Promise<void> {
  throw nodeOnly(path)
}

/** Browsers have no folders to keep a run in. */
export const RunDirectory = {
  create: async (path: string): Promise<never> => {
    throw nodeOnly(path)
  },
  open: async (path: string): Promise<never> => {
    throw nodeOnly(path)
  },
}

export const RunLog = { open: RunDirectory.open }

export function shardSamples(): never {
  throw shardsNeedNode()
}

export function shardQuestions(): never {
  throw shardsNeedNode()
}

export function shardEvaluationQuestions(): never {
  throw shardsNeedNode()
}

export function shardEvaluationSamples(): never {
  throw shardsNeedNode()
}

const shardsNeedNode = () =>
  new ResourceError('Reading shards needs Node; in a browser make the samples in the page')

function nodeOnly(path: string): ResourceError {
  return new ResourceError(
    `A run in the folder ${path} needs Node; in a browser call train() with a sink of your own`,
  )
}
