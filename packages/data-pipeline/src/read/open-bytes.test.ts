// Reading shards from files and web addresses.

import { writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { openShards, rawSamples } from './index.ts'
import { read, whole } from './samples.fixture.ts'
import { collect, makeTar } from './tars.fixture.ts'

describe('addresses', () => {
  async function withServer(answer: RequestListener, work: (base: string) => Promise<void>) {
    const server = createServer(answer).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    try {
      await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  }

  it('of files are read', async () => {
    await inTempDir(async (directory) => {
      await writeFile(join(directory, 'a b.tar'), await makeTar(whole('a')))
      expect((await read(openShards(pathToFileURL(join(directory, 'a b.tar')).href))).keys).toEqual(['a'])
    })
  })

  it('with signatures are asked as they are, and errors leave these out', async () => {
    const tar = await makeTar(whole('a'))
    const asked: string[] = []
    await withServer(
      (request, response) => {
        asked.push(request.url!)
        response.writeHead(request.url!.startsWith('/0') ? 200 : 403).end(tar)
      },
      async (base) => {
        const source = openShards(`${base}/{0..1}.tar?sig=a%2Fb&x=secret`)
        const failure = read(source)
        await expect(failure).rejects.toThrow(
          /1\.tar: the server answers 403 \(has its signature run out\?\)/,
        )
        await expect(failure).rejects.not.toThrow(/secret/)
        expect(asked).toEqual(['/0.tar?sig=a%2Fb&x=secret', '/1.tar?sig=a%2Fb&x=secret'])
        expect(source.names.join()).not.toContain('secret')
      },
    )
  })

  it('are tried again after 429, 500 and lost connections, and nothing is given twice', async () => {
    const tar = await makeTar(['a', 'b', 'c', 'd'].flatMap(whole))
    let calls = 0
    await withServer(
      (_, response) => {
        calls++
        if (calls === 1) response.writeHead(429).end()
        else if (calls === 2) response.writeHead(500).end('<html>')
        else if (calls === 3) {
          response.writeHead(200, { 'content-length': tar.length })
          response.write(tar.subarray(0, 5000), () => response.destroy())
        } else response.writeHead(200).end(tar)
      },
      async (base) => {
        const { keys } = await read(openShards(`${base}/0.tar`, { retryDelays: [1, 1, 1] }))
        expect([keys, calls]).toEqual([['a', 'b', 'c', 'd'], 4])
        calls = 0
        await expect(read(openShards(`${base}/0.tar`, { retryDelays: [1] }))).rejects.toThrow(
          /server answers 500/,
        )
      },
    )
  })

  it('that hang end with the signal, and at once when the reader leaves', async () => {
    const tar = await makeTar(['a', 'b'].flatMap(whole))
    let closed = 0
    await withServer(
      (_, response) => {
        response.on('close', () => closed++)
        response.writeHead(200)
        response.write(tar.subarray(0, 3000))
      },
      async (base) => {
        const signal = AbortSignal.timeout(300)
        await expect(collect(rawSamples(openShards(`${base}/0.tar`), { signal }))).rejects.toThrow(/timeout/i)
        await expect.poll(() => closed).toBe(1)
        expect((await collect(rawSamples(openShards(`${base}/0.tar`)), 1)).map(({ key }) => key)).toEqual([
          'a',
        ])
        await expect.poll(() => closed).toBe(2)
      },
    )
  })
})
