// The page in a short form, in a real Chromium: its own buttons are pressed, on both backends.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundlePage as bundleScript, describeInChromium, runInChromium } from '../../tools/chromium/index.ts'
import { bundlePage } from './bundle.mjs'
import type { Shown } from './page.fixture.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ps3-train-in-browser-'))
  await bundlePage(join(folder, 'page'), ['@ps3js/source'])
  await bundleScript(join(import.meta.dirname, 'page.fixture.ts'), join(folder, 'opener'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const open = (
  params: { query: string; stopAfter?: number },
  options: { softwareGpu?: boolean; args?: string[] },
) =>
  runInChromium<Shown>({
    folders: { page: join(folder, 'page'), opener: join(folder, 'opener') },
    script: 'opener/page.js',
    params,
    ...options,
  })

const mean = (values: number[]) => values.reduce((sum, value) => sum + value) / values.length

describeInChromium('the page', () => {
  let first: number

  it('trains on WebAssembly for 50 steps, stops and goes on, and stays free meanwhile', async () => {
    const { losses, tensors, drawn, ticks, message, backend } = await open(
      { query: '?backend=wasm&size=tiny&captions=8&steps=50', stopAfter: 20 },
      {},
    )
    expect(message).toBe('Done.')
    expect(backend).toContain('wasm')
    expect(losses).toHaveLength(50)
    first = losses[0]!
    expect(mean(losses.slice(-10))).toBeLessThan(0.5 * mean(losses.slice(0, 10)))
    expect(drawn).toEqual(Array.from({ length: 10 }, () => true))
    // The first step makes the optimiser's moments; no later one adds a tensor.
    expect(new Set(tensors.slice(1)).size).toBe(1)
    expect(ticks).toBeGreaterThan(losses.length)
  }, 240_000)

  it('begins with the same loss on WebGPU', async () => {
    const { losses, drawn, message, backend } = await open(
      { query: '?backend=webgpu&size=tiny&captions=8&steps=2' },
      { softwareGpu: true },
    )
    expect(message).toBe('Done.')
    expect(backend).toContain('webgpu')
    // What the page shows has three decimals; WebGPU's float32 differs by some 1e-5 of a loss near 12.
    expect(Math.abs(losses[0]! - first)).toBeLessThan(0.0021)
    expect(losses).toHaveLength(2)
    expect(drawn).toEqual(Array.from({ length: 10 }, () => true))
  }, 400_000)

  it('says what to do where there is no WebGPU', async () => {
    const { message, losses } = await open(
      { query: '?backend=webgpu&size=tiny' },
      { args: ['--disable-gpu', '--disable-software-rasterizer', '--disable-features=Vulkan'] },
    )
    expect(message).toMatch(/^WebGPU cannot be used here: .*Start over with WebAssembly/)
    expect(losses).toEqual([])
  }, 120_000)
})
