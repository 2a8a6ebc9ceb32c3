// Timing encodings: medians of stages, peak memory, what was computed on.

import type { PS3Encoder, RgbImage, StageTime } from '@ps3js/ps3-encoder'

export interface EncodingRun {
  /** Preparing the picture: resizing to the model's size. */
  preprocess: number
  /** The model call: everything after preprocessing until the tokens are in memory. */
  total: number
  stages: Record<StageTime['stage'], number>
  tokens: number
}

export interface EncodingSummary {
  /** Seconds of the very first model call, warm-up or not: buffers are allocated and kernels prepared in it. */
  firstCall: number
  runs: EncodingRun[]
  /** Medians over the runs, in seconds. */
  median: Omit<EncodingRun, 'tokens'>
  peakMegabytes: number
}

export interface EncodingWork {
  encoder: PS3Encoder
  prepare: () => RgbImage
  options: { tokens?: number; looks?: number | 'all'; prompt?: string }
  repeat: number
  warmup: number
  signal: AbortSignal
  onRun?: (run: EncodingRun, index: number) => void
}

/** Encodes the picture again and again; the runs after `warmup` count. Seconds throughout. */
export async function measureEncoding(work: EncodingWork): Promise<EncodingSummary> {
  const runs: EncodingRun[] = []
  let firstCall = Number.NaN
  for (let i = 0; i < work.warmup + work.repeat; i++) {
    const run = await encodeOnce(work)
    work.onRun?.(run, i)
    if (i === 0) firstCall = run.total
    if (i >= work.warmup) runs.push(run)
  }
  return { firstCall, runs, median: medianRun(runs), peakMegabytes: peakMegabytes() }
}

async function encodeOnce({ encoder, prepare, options, signal }: EncodingWork): Promise<EncodingRun> {
  const stages: EncodingRun['stages'] = { 'low-res': 0, selection: 0, choice: 0, 'high-res': 0 }
  const start = performance.now()
  const image = prepare()
  const prepared = performance.now()
  const encoding = await encoder.encode(image, {
    ...options,
    signal,
    onStage: ({ stage, milliseconds }) => {
      stages[stage] += milliseconds / 1000
    },
  })
  try {
    // A GPU works on after its calls have returned: the time counts until the values are here.
    await encoding.tokens.data()
    const total = (performance.now() - prepared) / 1000
    return { preprocess: (prepared - start) / 1000, total, stages, tokens: encoding.tokens.shape[1]! }
  } finally {
    encoding.dispose()
  }
}

function medianRun(runs: readonly EncodingRun[]): EncodingSummary['median'] {
  const of = (pick: (run: EncodingRun) => number) => median(runs.map(pick))
  return {
    preprocess: of((run) => run.preprocess),
    total: of((run) => run.total),
    stages: {
      'low-res': of((run) => run.stages['low-res']),
      selection: of((run) => run.stages.selection),
      choice: of((run) => run.stages.choice),
      'high-res': of((run) => run.stages['high-res']),
    },
  }
}

/** The middle value; the mean of the two middle ones of an even number. NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** The most memory that this process has held, in units of 2^20 bytes. */
export const peakMegabytes = (): number => process.resourceUsage().maxRSS / 1024
