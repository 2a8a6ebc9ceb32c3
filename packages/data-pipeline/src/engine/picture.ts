// Pictures as the engine handles them: encoded bytes, their hash, and their size as a viewer sees them (EXIF applied).

import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ImageError } from '@ps3js/tensor'
import sharp, { type Sharp } from 'sharp'
import { onDisk } from '../write/disk.ts'

const PICTURES = /\.(jpe?g|png|webp|avif|gif|tiff?)$/i

export interface EncodedPicture {
  /** Path below the folder of pictures, with slashes. */
  name: string
  bytes: Buffer
  /** Of the bytes, in hexadecimal. */
  sha256: string
  /** In pixels, upright. */
  width: number
  height: number
  /** Whether its pixels lie as they are shown. */
  isUpright: boolean
}

/** Names of all pictures below a folder, sorted by code point, so that every machine sees one order. */
export async function listPictures(root: string): Promise<string[]> {
  const entries = await onDisk('list', root, () => readdir(root, { recursive: true, withFileTypes: true }))
  const names = entries
    .filter((entry) => entry.isFile() && PICTURES.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(join(root, '/').length).replaceAll('\\', '/'))
  return names.sort((a, b) => (a < b ? -1 : 1))
}

/**
 * Reads one picture and its header.
 *
 * @throws ImageError when it is none, ResourceError when it cannot be read
 */
export async function readPicture(root: string, name: string): Promise<EncodedPicture> {
  const path = join(root, name)
  const bytes = await onDisk('read', path, () => readFile(path))
  if (bytes.length === 0) throw new ImageError(`${name} is empty`)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const { autoOrient, orientation = 1 } = await decoding(name, () => sharp(bytes).metadata())
  return { name, bytes, sha256, ...autoOrient, isUpright: orientation === 1 }
}

/** A pipeline that gives upright sRGB without transparency; it fails on damaged data instead of painting grey. */
export function upright(picture: EncodedPicture): Sharp {
  return sharp(picture.bytes, { failOn: 'error' })
    .autoOrient()
    .flatten({ background: 'white' })
    .toColourspace('srgb')
}

/** Runs something that decodes; its failure is an `ImageError` that names the picture. */
export async function decoding<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const reason = (cause as Error).message.split('\n')[0]
    throw new ImageError(`${name} cannot be decoded: ${reason}`, { cause })
  }
}
