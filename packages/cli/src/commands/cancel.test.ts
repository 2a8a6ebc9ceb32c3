// Ctrl-C: the run ends soon, says so, and leaves neither half-written files nor tensors.

import { spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { memory, useBackend } from '@ps3js/tensor'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { bundleForNode } from '../../../../tools/node-bundle.ts'
import { filesBelow, ps3, squarePicture, tinyModel } from '../cli.fixture.ts'

beforeAll(async () => {
  await useBackend('wasm')
})

describe('cancelling', () => {
  it('a signal that aborts during the work', async () => {
    await inTempDir(async (directory) => {
      const before = memory().numTensors
      const controller = new AbortController()
      const args = ['encode', squarePicture, '--model', tinyModel, '--backend', 'wasm', '--looks', 'all']
      const running = ps3([...args, '--out', join(directory, 'out')], controller.signal)
      setTimeout(() => controller.abort(), 30)
      expect(await running).toMatchObject({
        status: 130,
        stdout: '',
        stderr: expect.stringContaining('cancelled'),
      })
      expect(await filesBelow(directory)).toEqual([])
      expect(memory().numTensors).toBe(before)
    })
  })

  it('SIGINT to the executable', async () => {
    const bin = await bundleForNode(new URL('../bin.ts', import.meta.url))
    try {
      await inTempDir(async (directory) => {
        // So many pictures that the signal meets it at work.
        const pictures = Array<string>(50).fill(squarePicture)
        const options = ['--model', tinyModel, '--backend', 'cpu', '--out', join(directory, 'deep/out')]
        const child = spawn(process.execPath, [bin, 'encode', ...pictures, ...options])
        const closed = new Promise((resolve) => child.on('close', resolve))
        let printed = ''
        child.stdout.on('data', (chunk) => {
          printed += chunk
        })
        child.stderr.on('data', (chunk) => {
          printed += chunk
        })
        await vi.waitFor(async () => expect(await filesBelow(directory)).not.toEqual([]), {
          timeout: 45_000,
          interval: 20,
        })
        child.kill('SIGINT')
        const status = await closed
        expect(printed).toBe('ps3: cancelled; nothing was left half-written\n')
        expect(status).toBe(130)
        expect(await filesBelow(directory)).toEqual([])
      })
    } finally {
      await rm(bin, { force: true })
    }
  })
})
