// A benchmark of ours and another implementation's in turn, A B A B, each run a process of its own.

import type { CliContext } from '../context.ts'
import { median } from './measure.ts'
import { type PeerRun, readPeer, runCommand, shellQuote } from './peer.ts'

/** What a benchmark's JSON holds at least. Seconds, and units of 2^20 bytes. */
export interface BenchRun {
  median: { total: number }
  peakMegabytes: number
}

export interface BenchPeerResult<Run extends BenchRun> {
  ours: Run[]
  peer: PeerRun[]
  /** Ours divided by the peer's: median time, highest peak memory (null when the peer reports none). */
  ratio: { total: number; peak: number | null }
}

/** `ourArguments` are those of `ps3 bench`, without `--json`. */
export async function benchAgainstPeer<Run extends BenchRun>(
  peerCommand: string,
  ourArguments: readonly string[],
  repeat: number,
  context: CliContext,
): Promise<BenchPeerResult<Run>> {
  const ours: Run[] = []
  const peer: PeerRun[] = []
  const quoted = [...context.self, 'bench', ...ourArguments, '--json'].map(shellQuote).join(' ')
  for (let i = 0; i < repeat; i++) {
    context.progress.step(`ours, run ${i + 1} of ${repeat}`)
    ours.push(JSON.parse((await runCommand(quoted, context.signal)).stdout) as Run)
    context.progress.step(`the peer, run ${i + 1} of ${repeat}`)
    const { stdout, seconds } = await runCommand(peerCommand, context.signal)
    peer.push(readPeer(stdout, seconds))
  }
  const peaks = peer.flatMap((run) => (run.peakMegabytes === null ? [] : [run.peakMegabytes]))
  return {
    ours,
    peer,
    ratio: {
      total: median(ours.map((run) => run.median.total)) / median(peer.map((run) => run.total)),
      peak: peaks.length > 0 ? Math.max(...ours.map((run) => run.peakMegabytes)) / Math.max(...peaks) : null,
    },
  }
}
