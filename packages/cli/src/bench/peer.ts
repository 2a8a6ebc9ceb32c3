// Another implementation's benchmark, run in turn with ours: its command, and what its output says.

import { spawn } from 'node:child_process'
import { ResourceError } from '@ps3js/tensor'

export interface PeerRun {
  /** Its own figure for the model call, or the whole process where it prints none. Seconds. */
  total: number
  peakMegabytes: number | null
  source: 'reported' | 'wall clock'
}

/** One word of a POSIX shell's command line. */
export const shellQuote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/** Runs a shell command to its end and returns its standard output. */
export async function runCommand(
  command: string,
  signal: AbortSignal,
): Promise<{ stdout: string; seconds: number }> {
  const start = performance.now()
  const child = spawn(command, { shell: true, signal, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  if (code !== 0) {
    throw new ResourceError(
      `"${command}" ended with ${code}: ${stderr.trim().split('\n').slice(-3).join(' | ')}`,
    )
  }
  return { stdout, seconds: (performance.now() - start) / 1000 }
}

/**
 * Reads the last JSON object with a number called `total`, or `median_step_s` where steps are measured (seconds), on a line
 * of its own; `peak_rss_mb` beside it, if there. A peer that prints no such line is timed from outside.
 */
export function readPeer(stdout: string, wallSeconds: number): PeerRun {
  const reports = stdout.split('\n').flatMap((line) => {
    try {
      const value: unknown = line.trim().startsWith('{') ? JSON.parse(line) : null
      return isReport(value) ? [value] : []
    } catch {
      return []
    }
  })
  const last = reports[reports.length - 1]
  if (!last) return { total: wallSeconds, peakMegabytes: null, source: 'wall clock' }
  return {
    total: last.total ?? last.median_step_s!,
    peakMegabytes: last.peak_rss_mb ?? null,
    source: 'reported',
  }
}

interface Report {
  total?: number
  median_step_s?: number
  peak_rss_mb?: number
}

function isReport(value: unknown): value is Report {
  if (typeof value !== 'object' || value === null) return false
  const { total, median_step_s } = value as Report
  return typeof (total ?? median_step_s) === 'number'
}
