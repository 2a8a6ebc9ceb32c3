// Choosing a backend in Node: what is taken, what is said about it, and what a wrong choice throws.
import { afterAll, describe, expect, it } from 'vitest'
import { BackendError, InvalidArgumentError } from '../errors.ts'
import { getBackend, matMul, memory, tensor2d, tidy } from '../tf.ts'
import {
  type BackendName,
  backendInfo,
  disposeBackend,
  setWasmPaths,
  tensorData,
  useBackend,
} from './index.ts'

afterAll(disposeBackend)

async function product(): Promise<number[]> {
  const result = tidy(() => matMul(tensor2d([[1, 2], [3, 4]]), tensor2d([[5, 6], [7, 8]]))) // biome-ignore format: a matrix
  const values = Array.from(await tensorData(result))
  result.dispose()
  return values
}

describe('useBackend', () => {
  it.each(['cpu', 'wasm'] as const)('computes on %s', async (name) => {
    const info = await useBackend(name)
    expect(info).toMatchObject({ name, tfjsName: name, why: 'as asked for', tried: [] })
    expect(getBackend()).toBe(name)
    expect(backendInfo()).toBe(info)
    expect(await product()).toEqual([19, 22, 43, 50])
  })

  it('starts a backend anew after it was disposed', async () => {
    for (const name of ['wasm', 'wasm', 'cpu'] as const) {
      await useBackend(name)
      expect(await product()).toEqual([19, 22, 43, 50])
      await disposeBackend()
      expect(backendInfo()).toBeUndefined()
    }
  })

  it('leaves no listeners on the process', async () => {
    await disposeBackend()
    await useBackend('wasm')
    for (const event of ['uncaughtException', 'unhandledRejection']) {
      expect(
        process.rawListeners(event).filter((listener) => /throw (ex|reason)/.test(String(listener))),
      ).toEqual([])
    }
  })

  it('falls back in order and says why', async () => {
    await disposeBackend()
    const info = await useBackend(['wasm', 'cpu'], { wasmPaths: '/nowhere/' })
    expect(info.name).toBe('cpu')
    expect(info.tried).toEqual([
      { name: 'wasm', reason: expect.stringContaining('/nowhere/tfjs-backend-wasm') },
    ])
    expect(info.describe).toContain('wasm was not usable')
    // The same process can still take it once the path is right.
    expect((await useBackend('wasm')).name).toBe('wasm')
  })

  it('serves calls made at once one after another', async () => {
    const infos = await Promise.all([useBackend('cpu'), useBackend('wasm'), useBackend('cpu')])
    expect(infos.map((info) => info.name)).toEqual(['cpu', 'wasm', 'cpu'])
    expect(getBackend()).toBe('cpu')
  })

  it('keeps tensors usable across a switch', async () => {
    await useBackend('cpu')
    const before = memory().numTensors
    const a = tensor2d([[1, 2]])
    await useBackend('wasm')
    const b = tidy(() => matMul(a, tensor2d([[3], [4]])))
    expect(Array.from(await tensorData(b))).toEqual([11])
    a.dispose()
    b.dispose()
    expect(memory().numTensors).toBe(before)
  })

  it('throws typed errors that name what is wrong', async () => {
    await expect(useBackend('cuda' as BackendName)).rejects.toThrow(InvalidArgumentError)
    await expect(useBackend([])).rejects.toThrow('empty list')
    await disposeBackend()
    await expect(useBackend('wasm', { wasmPaths: '/nowhere/' })).rejects.toThrow(BackendError)
    await expect(useBackend('cpu', { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i)
  })

  it('reports once through onInfo', async () => {
    setWasmPaths('/nowhere/')
    const seen: string[] = []
    await useBackend(['wasm', 'cpu'], { onInfo: (info) => seen.push(info.name) })
    expect(seen).toEqual(['cpu'])
  })
})
