// A run's records as lines of JSON and as TensorBoard's event files. Taking a run up again first cuts off what lies behind
// its checkpoint, so that no step is there twice.

import { appendFile, mkdir, readdir, readFile, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { fileError } from '@ps3js/tensor'
import { encodeEvents, eventStep, type TrainingEvent } from '../../log/event.ts'
import { encodePng } from '../../log/png.ts'
import { frameRecord, readRecords } from '../../log/tf-record.ts'
import type { RunPosition, RunRecord } from '../../run/train.ts'

const LINES = 'log.jsonl'
const EVENTS = 'tensorboard'
/** What the names of an evaluation's numbers begin with. */
const EVALUATION = '"evaluation/'
const eventFile = /^events\.out\.tfevents\./

export class RunLog {
  readonly #lines: string
  readonly #events: string

  private constructor(lines: string, events: string) {
    this.#lines = lines
    this.#events = events
  }

  /** Opens the logs of a run that stands at a step. @throws ResourceError */
  static async open(
    directory: string,
    { step, evaluated }: Pick<RunPosition, 'step' | 'evaluated'>,
  ): Promise<RunLog> {
    const lines = join(directory, LINES)
    const folder = join(directory, EVENTS)
    try {
      await mkdir(folder, { recursive: true })
      await cutLines(lines, step, evaluated)
      const files = (await readdir(folder)).filter((name) => eventFile.test(name)).sort()
      for (const name of files) await cutEvents(join(folder, name), step)
      // TensorBoard reads the files of a folder in the order of their names.
      const seconds = Math.floor(Date.now() / 1000)
      const name = `events.out.tfevents.${seconds}.ps3.${String(files.length).padStart(6, '0')}`
      const log = new RunLog(lines, join(folder, name))
      await log.#write({ wallTime: Date.now() / 1000, step: step + 1, starts: true })
      return log
    } catch (error) {
      throw fileError(error, 'write the logs in', directory)
    }
  }

  async record({ step, scalars, images }: RunRecord): Promise<void> {
    const now = new Date()
    const line = JSON.stringify({ step, time: now.toISOString(), ...scalars })
    const pictures = Object.entries(images).map(
      ([name, { width, height, data }]) =>
        [name, { width, height, png: encodePng(width, height, new Uint8Array(data)) }] as const,
    )
    try {
      await appendFile(this.#lines, `${line}\n`)
      await this.#write({
        wallTime: now.getTime() / 1000,
        step,
        scalars,
        images: Object.fromEntries(pictures),
      })
    } catch (error) {
      throw fileError(error, 'write', this.#lines)
    }
  }

  async #write(event: TrainingEvent): Promise<void> {
    await appendFile(this.#events, Buffer.concat(encodeEvents(event).map(frameRecord)))
  }
}

/** Keeps the whole lines of steps up to `step`, which ascend; of an evaluation only when it counts as made. */
async function cutLines(path: string, step: number, evaluated: number): Promise<void> {
  const text = await readFile(path).catch(ifMissing)
  if (!text) return
  let kept = 0
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', kept)) {
    const line = text.toString('utf8', kept, end)
    const at = stepOf(line)
    if (at > step || (at > evaluated && line.includes(EVALUATION))) break
    kept = end + 1
  }
  await truncate(path, kept)
}

function stepOf(line: string): number {
  try {
    return Number((JSON.parse(line) as { step: unknown }).step)
  } catch {
    // A machine that lost power may leave a torn line: what follows it is not trusted either.
    return Number.POSITIVE_INFINITY
  }
}

/** Keeps the whole events of steps up to `step`; a file without any goes. */
async function cutEvents(path: string, step: number): Promise<void> {
  let kept = 0
  let events = 0
  for (const { record, end } of readRecords(await readFile(path))) {
    const at = eventStep(record)
    if (at > step) break
    kept = end
    if (at > 0) events++
  }
  if (events === 0) await rm(path)
  else await truncate(path, kept)
}

function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
