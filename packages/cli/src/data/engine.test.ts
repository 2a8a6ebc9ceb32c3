// `ps3 data propose | caption | pack` one after the other, what they print, and what they say to mistakes.

import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { filesBelow, ps3, squarePicture, widePicture } from '../cli.fixture.ts'

afterEach(() => {
  vi.unstubAllEnvs()
})

async function pictures(directory: string): Promise<string> {
  const folder = join(directory, 'pictures')
  await mkdir(folder)
  await copyFile(squarePicture, join(folder, 'square.png'))
  await copyFile(widePicture, join(folder, 'wide.png'))
  await writeFile(join(folder, 'broken.png'), 'no picture')
  return folder
}

/** A server that says the same of everything, to whoever has the key. */
async function withServer<T>(work: (url: string) => Promise<T>): Promise<T> {
  const server = createServer((request, response) => {
    request.resume()
    const isAllowed = request.headers.authorization === 'Bearer open sesame'
    response.writeHead(isAllowed ? 200 : 401, { 'content-type': 'application/json' })
    const choices = [{ message: { content: 'A red sign.' }, finish_reason: 'stop' }]
    response.end(
      JSON.stringify(
        isAllowed ? { choices, usage: { prompt_tokens: 1000, completion_tokens: 20 } } : { error: 'key' },
      ),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

describe('ps3 data', () => {
  it('propose, caption and pack make shards of a folder of pictures', async () => {
    vi.stubEnv('CAPTION_KEY', 'open sesame')
    await inTempDir(async (directory) => {
      const file = (name: string) => join(directory, name)
      const propose = [
        'data',
        'propose',
        await pictures(directory),
        '--out',
        file('r.jsonl'),
        '--regions',
        '2',
      ]
      const proposed = await ps3(propose)
      expect(proposed).toMatchObject({ status: 0, stderr: '' })
      expect(proposed.stdout).toMatch(
        /r\.jsonl: \d+ regions in 2 pictures; 1 skipped, .*r\.jsonl says why\n$/,
      )
      const { regions } = JSON.parse((await ps3([...propose, '--json'])).stdout)

      await withServer(async (url) => {
        const caption = [
          'data',
          'caption',
          file('r.jsonl'),
          '--out',
          file('c.jsonl'),
          '--server',
          url,
          '--model',
          'm',
        ]
        await writeFile(file('prompt.txt'), 'What is at {{x1}}, {{y1}}?\n')
        const more = [
          '--key-variable',
          'CAPTION_KEY',
          '--region-prompt',
          file('prompt.txt'),
          '--price',
          '2,10',
        ]
        const captioned = await ps3([...caption, ...more])
        const count = regions + 2
        const cost = ((count * (1000 * 2 + 20 * 10)) / 1e6).toFixed(2)
        expect(captioned).toEqual({
          status: 0,
          stderr: '',
          stdout: `${file('c.jsonl')}: ${count} of ${count} captions, ${count},000 tokens in, ${20 * count} out, cost ${cost}\n`,
        })
        const wrongKey = await ps3([...caption, '--global-prompt', file('prompt.txt')])
        expect(wrongKey).toMatchObject({
          status: 1,
          stderr: expect.stringMatching(/global prompt has \{\{x1\}\}/),
        })
        const noKey = await ps3([...caption, '--key-variable', 'NO_SUCH_KEY'])
        expect(noKey).toMatchObject({
          status: 1,
          stderr: expect.stringMatching(/^ps3: .*answered 401: [^\n]*key[^\n]*\n$/),
        })
        const again = JSON.parse((await ps3([...caption, ...more, '--json'])).stdout)
        expect(again).toMatchObject({
          total: count,
          answered: count,
          asked: 0,
          failed: 0,
          cost: expect.any(Number),
        })
      })

      const pack = ['data', 'pack', file('c.jsonl'), '--out', file('shards'), '--shard-samples', '1']
      const packed = await ps3(pack)
      expect(packed.stdout).toMatch(
        /shards: 2 samples in 2 shards, [\d.]+ kB\n1 skipped, the last one: broken\.png/,
      )
      expect(JSON.parse((await ps3([...pack, '--json'])).stdout)).toMatchObject({
        samples: 2,
        skipped: 1,
        shards: 2,
      })
      expect(await filesBelow(file('shards'))).toEqual([
        'images-000000.tar',
        'images-000001.tar',
        'index.json',
        'records-000000.tar',
        'records-000001.tar',
      ])
      expect((await readFile(file('shards/records-000000.tar'))).toString()).toContain(
        '"text":["A red sign."',
      )
    })
  })

  it('an abort ends with 130', async () => {
    await inTempDir(async (directory) => {
      const args = ['data', 'propose', await pictures(directory), '--out', join(directory, 'r.jsonl')]
      expect(await ps3(args, AbortSignal.abort())).toMatchObject({ status: 130, stdout: '' })
      expect(await ps3(args)).toMatchObject({ status: 0 })
    })
  })

  it.each<[string, (d: string) => string[], RegExp]>([
    ['a missing folder', (d) => ['propose', join(d, 'no')], /cannot list .*no: there is no such/],
    ['no regions', (d) => ['propose', d, '--regions', '0'], /--regions 0.*at least 1/],
    [
      'half of segment-anything',
      (d) => ['propose', d, '--sam-encoder', 'e.onnx'],
      /--sam-encoder and --sam-decoder/,
    ],
    [
      'a missing model',
      (d) => ['propose', d, '--sam-encoder', 'e.onnx', '--sam-decoder', 'd.onnx'],
      /cannot read e\.onnx/,
    ],
    [
      'missing regions',
      (d) => ['caption', join(d, 'r'), '--server', 'http://x/v1', '--model', 'm', '--out', join(d, 'c')],
      /cannot read .*r:/,
    ],
    [
      'a strange price',
      () => ['caption', 'r', '--server', 'http://x/v1', '--model', 'm', '--price', '1'],
      /--price 1: give two/,
    ],
    [
      'a missing prompt',
      (d) => ['caption', 'r', '--server', 'http://x/v1', '--model', 'm', '--global-prompt', join(d, 'p')],
      /cannot read .*p:/,
    ],
    ['missing captions', (d) => ['pack', join(d, 'c'), '--out', join(d, 's')], /cannot read .*c:/],
    ['a strange size', (d) => ['pack', join(d, 'c'), '--out', d, '--shard-size', 'big'], /--shard-size big/],
  ])('says what is wrong: %s', async (_, args, message) => {
    await inTempDir(async (directory) => {
      const { status, stdout, stderr } = await ps3(['data', ...args(directory)])
      expect(stderr).toMatch(message)
      expect(stderr).toMatch(/^ps3: [^\n]+\n$/)
      expect(stderr).not.toContain('unexpected error')
      expect(stdout).toBe('')
      expect(status).toBe(1)
      expect(await filesBelow(directory)).toEqual([])
    })
  })
})
