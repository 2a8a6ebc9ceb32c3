// Files of regions, JSON lines: a header, then one line per picture. `propose` writes them without captions, `caption`
// with; both keep the order of the pictures.

import { dirname, isAbsolute, relative, resolve } from 'node:path'
import { InvalidArgumentError, ResourceError } from '@ps3js/tensor'
import { readLines } from '../write/lines.ts'

const FORMAT = 'ps3-regions'

export interface RegionsHeader {
  format: typeof FORMAT
  version: 1
  /** Folder of the pictures, relative to this file. */
  root: string
  /** What this was made with; a file is only continued with the same. */
  made: Record<string, string | number>
}

/** One picture's regions. */
export interface PictureRegions {
  /** Path below the root, with slashes. */
  picture: string
  /** Of its bytes. */
  sha256: string
  /** In pixels, upright. */
  width: number
  height: number
  type: string
  /** [x1, y1, x2, y2] in pixels. */
  box: number[][]
  /** One caption per box, once there are any. */
  text?: string[]
  global_text?: string
}

/** A picture that was left out. */
export interface SkippedPicture {
  picture: string
  skipped: string
}

export type RegionsLine = PictureRegions | SkippedPicture

export interface RegionsFile {
  header: RegionsHeader
  /** The folder of the pictures. */
  root: string
}

export function regionsHeader(file: string, root: string, made: RegionsHeader['made']): RegionsHeader {
  const between = relative(dirname(resolve(file)), resolve(root)).replaceAll('\\', '/') || '.'
  return { format: FORMAT, version: 1, root: between, made }
}

/** @throws ResourceError when the file cannot be read or does not start as such a file does */
export async function openRegions(path: string): Promise<RegionsFile> {
  for await (const line of readLines(path)) {
    const header = checkHeader(parse(path, line.number, line.text), path)
    return { header, root: isAbsolute(header.root) ? header.root : resolve(dirname(path), header.root) }
  }
  throw new ResourceError(`${path} is empty: make it with \`ps3 data propose\``)
}

/** The pictures' lines, in order. @throws ResourceError that names the line when one is malformed */
export async function* regionLines(path: string, signal?: AbortSignal): AsyncGenerator<RegionsLine> {
  for await (const { text, number } of readLines(path, signal)) {
    if (number > 1) yield checkLine(parse(path, number, text), `${path}, line ${number}`)
  }
}

export function checkHeader(value: unknown, path: string): RegionsHeader {
  const header = value as Partial<RegionsHeader> | null
  if (header?.format === FORMAT && header.version === 1 && typeof header.root === 'string' && header.made) {
    return header as RegionsHeader
  }
  throw new ResourceError(
    `${path}, line 1: no header of a file of regions; make it with \`ps3 data propose\``,
  )
}

/** @throws InvalidArgumentError that names the first difference */
export function requireSameMaking(path: string, begun: RegionsHeader, asked: RegionsHeader): void {
  const before: Record<string, unknown> = { ...begun.made, root: begun.root }
  for (const [name, value] of Object.entries({ ...asked.made, root: asked.root })) {
    if (before[name] === value) continue
    throw new InvalidArgumentError(
      `${path} was made with ${name} ${JSON.stringify(before[name])}, now it is ${JSON.stringify(value)}: name another file, or remove this one`,
    )
  }
}

export function checkLine(value: unknown, where: string): RegionsLine {
  const line = value as Partial<PictureRegions> & { skipped?: unknown }
  const bad = (what: string) => new ResourceError(`${where}: ${what}`)
  if (typeof line !== 'object' || line === null || typeof line.picture !== 'string') {
    throw bad('no object with a "picture"')
  }
  if (isAbsolute(line.picture) || line.picture.split(/[\\/]/).includes('..')) {
    throw bad(`picture ${JSON.stringify(line.picture)} lies outside the folder of pictures`)
  }
  if (typeof line.skipped === 'string') return line as SkippedPicture
  if (typeof line.sha256 !== 'string' || typeof line.type !== 'string')
    throw bad('"sha256" or "type" is missing')
  for (const name of ['width', 'height'] as const) {
    if (!Number.isSafeInteger(line[name]) || line[name]! < 1) throw bad(`${name} is ${line[name]}`)
  }
  if (!Array.isArray(line.box)) throw bad('"box" is no list')
  const { text, global_text: globalText } = line
  if (text !== undefined && (!Array.isArray(text) || !text.every((one) => typeof one === 'string'))) {
    throw bad('"text" is no list of captions')
  }
  if (text && text.length !== line.box.length)
    throw bad(`${text.length} captions for ${line.box.length} boxes`)
  if (globalText !== undefined && typeof globalText !== 'string') throw bad('"global_text" is no text')
  return line as PictureRegions
}

function parse(path: string, number: number, text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw new ResourceError(`${path}, line ${number}: no JSON`, { cause })
  }
}
