// `ps3 bench data SHARDS`: training pictures a second, alone or in turn with a peer.

import { availableParallelism } from 'node:os'
import { openShards, type TrainingSample, trainingSamples } from '@ps3js/data-pipeline'
import { samplePatches } from '@ps3js/ps3-encoder'
import { ResourceError } from '@ps3js/tensor'
import type { Command } from 'commander'
import type { CliContext } from '../context.ts'
import { formatCount, formatTable } from '../format.ts'
import { whole, wholeList } from '../option-values.ts'
import { median, peakMegabytes } from './measure.ts'
import { runCommand, shellQuote } from './peer.ts'

interface Flags {
  size: number
  limit: number
  workers: number[]
  repeat: number
  peer?: string
  json?: boolean
}

export interface BenchDataResult {
  pictures: number
  size: number
  workers: number
  picturesPerSecond: number
  /** Processor time of all threads. */
  cpuSecondsPerPicture: number
  peakMegabytes: number
}

/** What the reference's models look at of one picture: 2,560 patches of 14 pixels. */
const PATCH = 14
const PATCHES = 2560
const NORM = [0.5, 0.5, 0.5] as const

export function registerBenchData(bench: Command, context: CliContext): void {
  const cores = availableParallelism()
  const upToCores = [1, 2, 4, 8, 16, 32].filter((count) => count <= cores)
  bench
    .command('data')
    .description(
      'training pictures a second: read, decode, crop, resize, 0/1 map, and 2560 normalised patches of each',
    )
    .argument('<shards>', 'tars of pictures and records')
    .option('--size <pixels>', 'side of the square picture', whole('--size', PATCH), 3780)
    .option('--limit <n>', 'pictures in a run', whole('--limit', 1), 40)
    .option(
      '--workers <list>',
      'pictures decoded at the same time, one run each',
      wholeList('--workers'),
      upToCores,
    )
    .option('--repeat <n>', 'turns with the peer', whole('--repeat', 1), 3)
    .option('--peer <command>', 'run this shell command in turn; it prints {"pictures_per_s": …}')
    .option('--json', 'print one JSON object')
    .action(async (shards: string, flags: Flags) => {
      const result = flags.peer
        ? await againstPeer(shards, flags, context)
        : await alone(shards, flags, context)
      context.progress.clear()
      context.stdout(flags.json ? `${JSON.stringify(result)}\n` : table(result))
    })
}

interface Result {
  runs: BenchDataResult[]
  /** Pictures a second of each of the peer's runs. */
  peer?: number[]
  /** Ours over the peer's median, for each number of workers. */
  ratio?: Record<string, number>
}

async function alone(shards: string, { size, limit, workers }: Flags, context: CliContext): Promise<Result> {
  const runs: BenchDataResult[] = []
  for (const count of workers) {
    context.progress.step(`${count} workers`)
    runs.push(await measure(shards, { size, limit, workers: count }, context.signal))
  }
  return { runs }
}

/** Ours and the peer's in turn, each run a process of its own. */
async function againstPeer(shards: string, flags: Flags, context: CliContext): Promise<Result> {
  const runs: BenchDataResult[] = []
  const peer: number[] = []
  for (let i = 0; i < flags.repeat; i++) {
    for (const workers of flags.workers) {
      context.progress.step(`ours with ${workers} workers, turn ${i + 1} of ${flags.repeat}`)
      const args = [
        'bench',
        'data',
        shards,
        '--size',
        flags.size,
        '--limit',
        flags.limit,
        '--workers',
        workers,
      ]
      const command = [...context.self, ...args.map(String), '--json'].map(shellQuote).join(' ')
      runs.push(...(JSON.parse((await runCommand(command, context.signal)).stdout) as Result).runs)
    }
    context.progress.step(`the peer, turn ${i + 1} of ${flags.repeat}`)
    peer.push(peerSpeed((await runCommand(flags.peer!, context.signal)).stdout))
  }
  const speed = (workers: number) =>
    median(runs.filter((run) => run.workers === workers).map((run) => run.picturesPerSecond))
  const ratio = Object.fromEntries(flags.workers.map((count) => [count, speed(count) / median(peer)]))
  return { runs, peer, ratio }
}

async function measure(
  shards: string,
  { size, limit, workers }: { size: number; limit: number; workers: number },
  signal: AbortSignal,
): Promise<BenchDataResult> {
  const named = openShards(shards)
  // The same shards again until every worker has one: what is measured is not how the data was cut.
  const rounds = Math.ceil(workers / named.names.length)
  const locations = Array.from({ length: rounds }, () => shards)
  const stream = trainingSamples(openShards(locations), {
    ...{ size, workers, seed: 0, shuffle: 0, globalCaptionProb: null, signal },
    epochs: Number.POSITIVE_INFINITY,
  })
  const patches = new Float32Array(PATCHES * 3 * PATCH * PATCH)
  const cpu = process.cpuUsage()
  const start = performance.now()
  let pictures = 0
  for await (const sample of stream) {
    normalizeChosen(sample, patches)
    if (++pictures === limit) break
  }
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return {
    ...{ pictures, size, workers },
    picturesPerSecond: pictures / seconds,
    cpuSecondsPerPicture: (user + system) / 1e6 / pictures,
    peakMegabytes: peakMegabytes(),
  }
}

/** Patches in the region first, then from the top, as many as a look takes; all others are never made floats. */
function normalizeChosen({ image, region }: TrainingSample, out: Float32Array): void {
  const grid = Math.floor(image.width / PATCH)
  const side = grid * PATCH
  const isChosen = (id: number) => {
    const y = Math.floor(id / grid) * PATCH
    return region.data[y * region.width + (id % grid) * PATCH] === 1
  }
  const ids = Array.from({ length: grid * grid }, (_, id) => id)
  const ordered = [...ids.filter(isChosen), ...ids.filter((id) => !isChosen(id))]
  const chosen = Int32Array.from(ordered.slice(0, PATCHES)).sort()
  samplePatches(image, side, side, PATCH, chosen, NORM, NORM, out)
}

function peerSpeed(stdout: string): number {
  for (const line of stdout.split('\n').reverse()) {
    try {
      const { pictures_per_s: speed } = JSON.parse(line) as { pictures_per_s?: unknown }
      if (typeof speed === 'number' && speed > 0) return speed
    } catch {
      // Not its report.
    }
  }
  throw new ResourceError(
    'the peer printed no line of JSON with pictures_per_s; its output cannot be compared',
  )
}

function table({ runs, peer = [], ratio }: Result): string {
  return formatTable([
    ['', 'pictures a second', 'CPU s a picture', 'peak memory'],
    ...runs.map((run) => [
      `${run.workers} workers`,
      run.picturesPerSecond.toFixed(2),
      run.cpuSecondsPerPicture.toFixed(3),
      `${formatCount(run.peakMegabytes)} MB`,
    ]),
    ...peer.map((speed) => ['peer', speed.toFixed(2)]),
    ...Object.entries(ratio ?? {}).map(([workers, value]) => [`ratio, ${workers} workers`, value.toFixed(2)]),
  ])
}
