// A peer's benchmark: what its output says, and how its command is run.

import { ResourceError } from '@ps3js/tensor'
import { describe, expect, it } from 'vitest'
import { median } from './measure.ts'
import { readPeer, runCommand, shellQuote } from './peer.ts'

const signal = new AbortController().signal

describe('readPeer', () => {
  it('takes the last reported run', () => {
    const output = [
      'loading {model}',
      '{"total": 40.5, "peak_rss_mb": 5000}',
      '{"preprocess": 1, "total": 39.5, "peak_rss_mb": 5030.5}',
      '{',
      ' "runs": [{"total": 39.5}]',
      '}',
    ].join('\n')
    expect(readPeer(output, 99)).toEqual({ total: 39.5, peakMegabytes: 5030.5, source: 'reported' })
  })

  it('takes the median of steps where a peer measures training', () => {
    const output = '{"preset": "toy", "median_step_s": 0.56, "peak_rss_mb": 1100}'
    expect(readPeer(output, 99)).toEqual({ total: 0.56, peakMegabytes: 1100, source: 'reported' })
  })

  it('goes by the clock when there is no report', () => {
    const clock = { total: 12, peakMegabytes: null, source: 'wall clock' }
    expect(readPeer('done\n{"seconds": 3}\n{broken', 12)).toEqual(clock)
    expect(readPeer('{"total": "fast"}', 12)).toEqual(clock)
  })
})

describe('runCommand', () => {
  it('runs a shell command and keeps what it prints', async () => {
    const { stdout, seconds } = await runCommand(`echo ${shellQuote(`it's "quoted" $HOME`)}`, signal)
    expect(stdout.trim()).toBe(`it's "quoted" $HOME`)
    expect(seconds).toBeGreaterThan(0)
  })

  it('says how a command failed', async () => {
    await expect(runCommand('echo no such thing >&2; exit 3', signal)).rejects.toThrow(ResourceError)
    await expect(runCommand('echo no such thing >&2; exit 3', signal)).rejects.toThrow(
      /ended with 3: no such thing/,
    )
  })

  it('ends with the signal', async () => {
    await expect(runCommand('sleep 30', AbortSignal.timeout(100))).rejects.toThrow()
  })
})

describe('median', () => {
  it('is the middle value, or the mean of the two', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 3, 2])).toBe(2.5)
    expect(median([])).toBeNaN()
  })
})
