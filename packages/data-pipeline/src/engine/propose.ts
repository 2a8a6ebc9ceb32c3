// Step one of the data engine: regions worth a caption, for every picture in a folder.

import { rename, stat } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import { InvalidArgumentError, lockOutput, PS3Error, ResourceError } from '@ps3js/tensor'
import { onDisk, syncDirectory } from '../write/disk.ts'
import { Journal } from '../write/journal.ts'
import { chooseRegions, defaultRegionRule, type RegionRule } from './choose-regions.ts'
import { mapOrdered } from './concurrency.ts'
import { detailProposer } from './detail-proposer.ts'
import { masksOfText, readKnownText, textIn } from './known-text.ts'
import { listPictures, readPicture } from './picture.ts'
import type { Proposer } from './proposer.ts'
import {
  checkHeader,
  checkLine,
  openRegions,
  type RegionsHeader,
  type RegionsLine,
  regionLines,
  regionsHeader,
  requireSameMaking,
} from './regions-file.ts'

export interface ProposeOptions {
  /** Folder of pictures; those below it count too. */
  pictures: string
  /** File of regions to write. Until it is whole it is called `<out>.part`. */
  out: string
  /** Default: `detailProposer()`. */
  proposer?: Proposer
  rule?: Partial<RegionRule>
  /** `type` of pictures without text of their own. Default `natural`. */
  type?: string
  /** Pictures worked on at a time. Default: the number of processors. */
  concurrency?: number
  signal?: AbortSignal
  onProgress?: (progress: ProposeSummary & { total: number }) => void
}

export interface ProposeSummary {
  pictures: number
  regions: number
  /** Pictures left out; the file says why. */
  skipped: number
}

/** Lines of text are longer than what counts as small elsewhere, and one can be all there is. */
const textRule = { smallArea: 0.1, minMasks: 1 }

/**
 * Writes the regions of every picture, in the order of their names. An interrupted run goes on where it was, and ends with
 * the same bytes as one that was not.
 *
 * @throws InvalidArgumentError when the file was begun with other settings or pictures
 * @throws ResourceError when the folder has no pictures, another process writes the file, or the disk is full
 */
export async function proposeRegions(options: ProposeOptions): Promise<ProposeSummary> {
  const { pictures: root, out, proposer = detailProposer(), type = 'natural', signal, onProgress } = options
  const { concurrency = availableParallelism() } = options
  const rule = { ...defaultRegionRule, ...options.rule }
  checkRule(rule, concurrency)
  const names = await listPictures(root)
  if (names.length === 0)
    throw new ResourceError(`${root} holds no pictures (JPEG, PNG, WebP, AVIF, GIF, TIFF)`)
  await using _lock = await lockOutput(out)
  const header = regionsHeader(out, root, { proposer: proposer.name, type, ...rule })
  const summary: ProposeSummary = { pictures: 0, regions: 0, skipped: 0 }
  const count = (line: RegionsLine) => {
    summary.pictures++
    if ('skipped' in line) summary.skipped++
    else summary.regions += line.box.length
  }
  if (await stat(out).catch(() => null)) {
    requireSameMaking(out, (await openRegions(out)).header, header)
    for await (const line of regionLines(out, signal)) count(line)
    return summary
  }
  const journal = await resume(`${out}.part`, header, names, count)
  try {
    const lines = mapOrdered(names.slice(summary.pictures), concurrency, (name) =>
      regionsOf(root, name, proposer, rule, type, signal),
    )
    for await (const line of lines) {
      await journal.append(line)
      count(line)
      onProgress?.({ ...summary, total: names.length })
    }
  } finally {
    await journal.close()
  }
  await onDisk('write', out, () => rename(`${out}.part`, out))
  await syncDirectory(dirname(out))
  return summary
}

async function resume(
  path: string,
  header: RegionsHeader,
  names: readonly string[],
  count: (line: RegionsLine) => void,
): Promise<Journal> {
  let done = -1
  const journal = await Journal.open(path, (value, number) => {
    if (++done === 0) return requireSameMaking(path, checkHeader(value, path), header)
    const line = checkLine(value, `${path}, line ${number}`)
    if (line.picture !== names[done - 1]) {
      throw new InvalidArgumentError(
        `${path}, line ${number}: ${line.picture}, where the folder now has ${names[done - 1] ?? 'no more pictures'}: remove the file to begin again`,
      )
    }
    count(line)
  })
  if (done < 0) await journal.append(header)
  return journal
}

async function regionsOf(
  root: string,
  name: string,
  proposer: Proposer,
  rule: RegionRule,
  type: string,
  signal?: AbortSignal,
): Promise<RegionsLine> {
  signal?.throwIfAborted()
  try {
    const picture = await readPicture(root, name)
    const { sha256, width, height } = picture
    const known = await readKnownText(root, picture)
    const masks = known ? masksOfText(known) : await proposer.propose(picture, signal)
    const box = chooseRegions(masks, width, height, known ? { ...rule, ...textRule } : rule)
    const line = { picture: name, sha256, width, height, type: known?.type ?? type, box }
    if (!known) return line
    return { ...line, text: box.map((region) => textIn(region, known)), global_text: known.globalText }
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof PS3Error && ['image', 'resource'].includes(error.code)) {
      return { picture: name, skipped: error.message }
    }
    throw error
  }
}

function checkRule(rule: RegionRule, concurrency: number): void {
  const whole = { maxRegions: rule.maxRegions, minMasks: rule.minMasks, concurrency }
  for (const [name, value] of Object.entries(whole)) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new InvalidArgumentError(`${name} ${value}: give a whole number of at least 1`)
    }
  }
  for (const name of ['smallArea', 'maxOverlap'] as const) {
    const value = rule[name]
    if (!(value >= 0 && value <= 1))
      throw new InvalidArgumentError(`${name} ${value}: give a share from 0 to 1`)
  }
}
