// `ps3 bench` on the tiny model: what is measured and printed, and the turns with a peer. Full-size models take minutes
// and are measured by hand.

import { memory, useBackend } from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { ps3, tinyModel } from '../cli.fixture.ts'

beforeAll(async () => {
  await useBackend('wasm')
})

const common = ['--model', tinyModel, '--image', '64x48', '--backend', 'wasm']

async function json(args: readonly string[]) {
  const before = memory().numTensors
  const { status, stdout, stderr } = await ps3(['bench', ...args, ...common, '--json'])
  expect(stderr).toBe('')
  expect(status).toBe(0)
  expect(memory().numTensors).toBe(before)
  return JSON.parse(stdout)
}

describe('ps3 bench encode', () => {
  it('measures stages, medians, the first call and memory', async () => {
    const result = await json(['encode', '--repeat', '2', '--warmup', '1', '--tokens', '30'])
    expect(result).toMatchObject({ image: '64x48', model: tinyModel, cores: expect.any(Number) })
    expect(result.runs).toHaveLength(2)
    expect(result.runs[0].tokens).toBe(16 + 30)
    expect(result.firstCall).toBeGreaterThan(0)
    const { stages, total } = result.median
    const parts = Object.values(stages as Record<string, number>)
    expect(Object.keys(stages)).toEqual(['low-res', 'selection', 'choice', 'high-res'])
    expect(parts.every((seconds) => seconds > 0)).toBe(true)
    expect(total).toBeGreaterThan(0)
    expect(result.peakMegabytes).toBeGreaterThan(10)
  })

  it('prints a table', async () => {
    const { stdout } = await ps3(['bench', 'encode', ...common, '--repeat', '1', '--warmup', '0'])
    for (const row of ['first model call', 'high-res', 'model call, median of 1', 'peak memory']) {
      expect(stdout).toContain(row)
    }
  })

  it('runs in turn with a peer and prints the ratio', async () => {
    // A stand-in for our own executable, so that the ratio is known.
    const report = JSON.stringify({ median: { total: 3 }, peakMegabytes: 300 })
    const print = (line: string): [string, string, string, string] => [
      process.execPath,
      '-e',
      `console.log(${JSON.stringify(line)})`,
      '--',
    ]
    const peer = `echo starting; echo '{"total": 4, "peak_rss_mb": 600}'`
    const args = ['bench', 'encode', ...common, '--repeat', '2', '--peer', peer, '--json']
    const { status, stdout } = await ps3(args, undefined, print(report))
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      ours: [{}, {}],
      peer: [{}, {}],
      ratio: { total: 0.75, peak: 0.5 },
    })
    const failing = await ps3([...args.slice(0, -2), 'exit 7'], undefined, print(report))
    expect(failing).toMatchObject({ status: 1, stderr: expect.stringContaining('ended with 7') })
  })

  it('refuses a preset and a model together, and unknown presets', async () => {
    const both = await ps3(['bench', 'encode', ...common, '--preset', 'PS3-4K-SigLIP'])
    expect(both).toMatchObject({ status: 1, stderr: expect.stringContaining('not both') })
    const unknown = await ps3(['bench', 'presets', 'PS3-9K'])
    expect(unknown).toMatchObject({ status: 1, stderr: expect.stringContaining('PS3-4K-SigLIP2') })
  })
})

describe('ps3 bench train', () => {
  it('measures optimiser steps, and prints a table', async () => {
    const args = ['bench', 'train', '--backend', 'wasm', '--batch', '1', '--steps', '1', '--warmup', '0']
    const before = memory().numTensors
    const { status, stdout } = await ps3([...args, '--json'])
    expect(status).toBe(0)
    expect(memory().numTensors).toBe(before)
    const result = JSON.parse(stdout)
    expect(result).toMatchObject({
      preset: 'toy',
      batch: 1,
      parameters: 1_442_832,
      cores: expect.any(Number),
    })
    expect(result.runs).toHaveLength(1)
    expect(result.median.total).toBeGreaterThan(0)
    expect(result.loss).toBeGreaterThan(0)
    const { stdout: table } = await ps3(args)
    for (const row of ['toy, 1 pictures', 'step, median of 1', 'peak memory']) expect(table).toContain(row)
  }, 60_000)

  it('runs in turn with a peer that reports steps', async () => {
    const print = JSON.stringify({ median: { total: 0.3 }, peakMegabytes: 300 })
    const self: [string, string, string, string] = [
      process.execPath,
      '-e',
      `console.log(${JSON.stringify(print)})`,
      '--',
    ]
    const peer = `echo '{"median_step_s": 0.6, "peak_rss_mb": 600}'`
    const args = ['bench', 'train', '--repeat', '1', '--peer', peer, '--json']
    const { stdout } = await ps3(args, undefined, self)
    expect(JSON.parse(stdout)).toMatchObject({ ratio: { total: 0.5, peak: 0.5 } })
  })
})

describe('ps3 bench prompts', () => {
  it('measures one low-res pass and every prompt after it', async () => {
    const result = await json(['prompts', '--count', '2'])
    expect(result.lowRes).toBeGreaterThan(0)
    expect(result.prompts).toHaveLength(2)
  })
})

describe('ps3 native status', () => {
  it('says what is installed in a place where nothing is', async () => {
    const { status, stdout } = await ps3(['native', 'status', '--cache', '/nonexistent/ps3', '--json'])
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ cacheDir: expect.stringContaining('nonexistent') })
    const { stdout: lines } = await ps3(['native', 'status', '--cache', '/nonexistent/ps3'])
    expect(lines).toMatch(/^cache {5}\/nonexistent/)
  })
})

describe('ps3 bench vila-hd', () => {
  const tiny = ['bench', 'vila-hd', '--tiny', '--backend', 'wasm', '--repeat', '2']

  it('compares two passes with and without what was read, and complete blocks with whole maps', async () => {
    const before = memory().numTensors
    const { status, stdout, stderr } = await ps3([...tiny, '--json'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(memory().numTensors).toBe(before)
    const { reuse, connector, cores } = JSON.parse(stdout)
    expect(cores).toBeGreaterThan(0)
    // 4 x 4 patches; 16 of the 8 x 8 above. Squares of 4 and 6 patches have 4 + 9 blocks of 2 x 2.
    expect(reuse).toMatchObject({ lowResTokens: 16, highResTokens: expect.any(Number), same: true })
    expect(connector).toMatchObject({ patches: 52, positions: 320, tokens: 13 })
    // Sums of 64 products in float32, in another order.
    expect(connector.difference).toBeLessThan(1e-5)
    for (const times of [reuse.kept, reuse.anew, connector.blocks, connector.maps]) {
      expect(times).toHaveLength(2)
      expect(Math.min(...times)).toBeGreaterThan(0)
    }
  })

  it('prints two tables', async () => {
    const { stdout } = await ps3(tiny)
    for (const row of ['first token, first pass kept', 'complete blocks', 'maps of 320 positions']) {
      expect(stdout).toContain(row)
    }
  })
})

describe('ps3 bench language', () => {
  const tiny = [
    'bench',
    'language',
    '--preset',
    'tiny',
    '--backend',
    'wasm',
    '--prefill',
    '20',
    '--decode',
    '3',
  ]

  it.each(['f32', 'int4'])('measures prompt, answer and memory with %s weights', async (weights) => {
    const before = memory().numTensors
    const { status, stdout } = await ps3([...tiny, '--weights', weights, '--repeat', '2', '--json'])
    expect(status).toBe(0)
    expect(memory().numTensors).toBe(before)
    const result = JSON.parse(stdout)
    expect(result).toMatchObject({ weights, parameters: 113216, prefillTokens: 20, decodeTokens: 3 })
    expect(result.runs).toHaveLength(2)
    for (const run of result.runs) for (const value of Object.values(run)) expect(value).toBeGreaterThan(0)
    expect(result.weightMegabytes * 2 ** 20).toBeLessThanOrEqual(113216 * (weights === 'f32' ? 4 : 0.7))
  })

  it('runs in turn with a peer and prints both ratios', async () => {
    const run = { prefillTokensPerSecond: 30, decodeTokensPerSecond: 6 }
    const report = JSON.stringify({ runs: [run], peakMegabytes: 300 })
    const self: [string, string, string, string] = [
      process.execPath,
      '-e',
      `console.log(${JSON.stringify(report)})`,
      '--',
    ]
    const peer = `echo '{"prefill_tokens_per_s": 20, "decode_tokens_per_s": 4, "peak_rss_mb": 600}'`
    const { stdout } = await ps3([...tiny, '--repeat', '2', '--peer', peer, '--json'], undefined, self)
    expect(JSON.parse(stdout).ratio).toEqual({ prefill: 1.5, decode: 1.5, peak: 0.5 })
    const wrong = await ps3([...tiny, '--repeat', '1', '--peer', 'echo nothing'], undefined, self)
    expect(wrong.stderr).toContain('prefill_tokens_per_s')
  })
})
