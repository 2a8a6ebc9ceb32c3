// Serving one page and opening it: what the page may see, what comes back, and that nothing is left behind.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeInChromium } from '../../../../tools/chromium/index.ts'
import { findChromium, type PageOptions, runInChromium, servePage } from './index.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ps3-test-'))
  await writeFile(
    join(folder, 'bytes.bin'),
    Uint8Array.from({ length: 100 }, (_, i) => i),
  )
  await writeFile(join(folder, 'empty.bin'), '')
})
afterAll(() => rm(folder, { recursive: true }))

describe('findChromium', () => {
  it('looks nowhere else when CHROME_PATH is set', async () => {
    expect(await findChromium({ ...process.env, CHROME_PATH: '/nowhere/chrome' })).toBeUndefined()
    expect(await findChromium({ CHROME_PATH: process.execPath })).toBe(process.execPath)
  })
})

describe('servePage', () => {
  it('serves files whole and in ranges, isolated, and nothing outside its folders', async () => {
    const page = await servePage({ folders: { data: folder }, script: 'data/x.js', params: { n: 1 } })
    const at = (path: string, init?: RequestInit) => fetch(new URL(path, page.url), init)
    const whole = await at('data/bytes.bin')
    expect(whole.headers.get('cross-origin-embedder-policy')).toBe('require-corp')
    expect((await whole.arrayBuffer()).byteLength).toBe(100)
    const part = await at('data/bytes.bin', { headers: { Range: 'bytes=90-200' } })
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 90-99/100'])
    expect(new Uint8Array(await part.arrayBuffer())[0]).toBe(90)
    expect((await at('data/bytes.bin', { headers: { Range: 'bytes=100-' } })).status).toBe(416)
    expect((await (await at('data/empty.bin')).arrayBuffer()).byteLength).toBe(0)
    expect(await (await at('params.json')).json()).toEqual({ n: 1 })
    expect((await at('data/missing.bin')).status).toBe(404)
    expect((await at('data/..%2f..%2fetc%2fpasswd')).status).toBe(403)
    expect((await at('other/bytes.bin')).status).toBe(404)
    expect((await fetch(new URL('/data/bytes.bin', page.url))).status).toBe(404)
    await page.close()
  })
})

describeInChromium('runInChromium', () => {
  const run = async (
    script: string,
    options: Partial<PageOptions> & { timeoutMs?: number; signal?: AbortSignal } = {},
  ) => {
    await writeFile(join(folder, 'page.js'), script)
    return runInChromium({ folders: { page: folder }, script: 'page/page.js', softwareGpu: true, ...options })
  }
  const profiles = async () =>
    (await readdir(tmpdir())).filter((name) => name.startsWith('ps3-chromium-')).sort()

  it('brings the result and the console back, and leaves no profile', async () => {
    const before = await profiles()
    const lines: string[] = []
    const script =
      'console.warn("seen", 1); const { n } = await ps3Page.params(); ps3Page.report({ n, isolated: crossOriginIsolated })'
    const onConsole = (level: string, text: string) => lines.push(`${level} ${text}`)
    expect(await run(script, { params: { n: 3 }, onConsole })).toEqual({ n: 3, isolated: true })
    expect(lines).toEqual(['warn seen 1'])
    expect((await profiles()).filter((name) => !before.includes(name))).toEqual([])
  })

  it('rejects with the error of the page', async () => {
    await expect(run('throw new TypeError("in the script")')).rejects.toThrow('in the script')
    await expect(run('Promise.reject(new Error("unhandled"))')).rejects.toThrow('unhandled')
    await expect(run('import "./missing.js"')).rejects.toThrow('could not be loaded')
  })

  it('gives up after its time, when cancelled, and when the browser cannot start', async () => {
    await expect(run('', { timeoutMs: 1500 })).rejects.toThrow('within 1.5 s')
    await expect(run('', { signal: AbortSignal.timeout(800) })).rejects.toThrow(/timeout/i)
    const options = { folders: {}, script: 'x.js', executable: '/nowhere/chrome' }
    await expect(runInChromium(options)).rejects.toThrow('could not be started')
  })
})
