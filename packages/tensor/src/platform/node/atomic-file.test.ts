import {
  type FileHandle,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { ResourceError } from '../../errors.ts'
import { createAtomicFile, writeFileAtomic } from './atomic-file.ts'
import { fileError } from './file-errors.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ps3-atomic-'))
})
afterAll(() => rm(directory, { recursive: true }))
afterEach(() => vi.restoreAllMocks())

describe('writeFileAtomic', () => {
  it('writes and replaces', async () => {
    const path = join(directory, 'a.txt')
    await writeFileAtomic(path, 'one')
    await writeFileAtomic(path, Uint8Array.of(50))
    expect(await readFile(path, 'utf8')).toBe('2')
    expect(await readdir(directory)).toEqual(['a.txt'])
  })

  it('writes through a symbolic link', async () => {
    await mkdir(join(directory, 'sub'))
    await writeFile(join(directory, 'sub', 'real'), 'old')
    await symlink(join('sub', 'real'), join(directory, 'link'))
    await writeFileAtomic(join(directory, 'link'), 'new')
    expect(await readFile(join(directory, 'sub', 'real'), 'utf8')).toBe('new')
  })

  it('says what to do about a directory, a missing folder, and a file in the way', async () => {
    await expect(writeFileAtomic(directory, 'x')).rejects.toThrow(
      /there is a directory in its place; name a file \(EISDIR\)/,
    )
    await expect(writeFileAtomic(join(directory, 'no', 'x'), 'x')).rejects.toThrow(
      /there is no such file or directory.*ENOENT/,
    )
    await writeFileAtomic(join(directory, 'plain'), 'x')
    await expect(writeFileAtomic(join(directory, 'plain', 'x'), 'x')).rejects.toThrow(
      /is a file, not a directory.*ENOTDIR/,
    )
    await expect(writeFileAtomic(directory, 'x')).rejects.toBeInstanceOf(ResourceError)
  })

  it('leaves the old file and no rest when cancelled', async () => {
    const path = join(directory, 'kept')
    await writeFileAtomic(path, 'old')
    const before = (await readdir(directory)).sort()
    await expect(
      writeFileAtomic(path, 'new', { signal: AbortSignal.abort(new Error('no')) }),
    ).rejects.toThrow('no')
    const controller = new AbortController()
    const file = await createAtomicFile(path, { signal: controller.signal })
    await file.write(Uint8Array.of(1))
    controller.abort(new Error('stop'))
    await expect(file.commit()).rejects.toThrow('stop')
    expect(await readFile(path, 'utf8')).toBe('old')
    expect((await readdir(directory)).sort()).toEqual(before)
  })

  it('says that the disk is full, and removes what it wrote', async () => {
    const path = join(directory, 'large')
    const before = (await readdir(directory)).sort()
    const probe = await open(join(directory, 'plain'))
    const prototype = Object.getPrototypeOf(probe) as FileHandle
    await probe.close()
    vi.spyOn(prototype, 'write').mockRejectedValue(
      Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' }),
    )
    const error = await writeFileAtomic(path, 'data').catch((e: unknown) => e)
    expect(error).toBeInstanceOf(ResourceError)
    expect((error as Error).message).toBe(
      `cannot write ${path}: the disk is full; free some space and start again, or choose another place (ENOSPC)`,
    )
    expect((await readdir(directory)).sort()).toEqual(before)
  })
})

describe('fileError', () => {
  it.each(['EACCES', 'EROFS', 'EMFILE', 'EDQUOT'])('explains %s', (code) => {
    const error = fileError(Object.assign(new Error(code), { code }), 'write', '/x') as Error
    expect(error).toBeInstanceOf(ResourceError)
    expect(error.message).toMatch(new RegExp(`^cannot write /x: .+; .+ \\(${code}\\)$`))
  })

  it('passes other errors through', () => {
    const error = new Error('mine')
    expect(fileError(error, 'write', '/x')).toBe(error)
  })
})
