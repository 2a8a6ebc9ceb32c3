// A run's folder: its configuration, checkpoints that are whole or not there, pointers to the latest and the best, logs.
//   config.yaml  log.jsonl  tensorboard/  latest -> checkpoints/step-00000500  best -> …  checkpoints/step-…/

import { mkdir, open, readdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import {
  CheckpointError,
  fileError,
  lockOutput,
  type OutputLock,
  ResourceError,
  writeFileAtomic,
} from '@ps3js/tensor'
import type { RunPosition } from '../../run/train.ts'

const CONFIG = 'config.yaml'
const CHECKPOINTS = 'checkpoints'
const POSITION = 'training.json'
const FORMAT = 1
const stepName = /^step-(\d{8,})$/

/** Held by one process at a time; disposing it lets others in. */
export class RunDirectory implements AsyncDisposable {
  readonly path: string
  readonly #lock: OutputLock

  private constructor(path: string, lock: OutputLock) {
    this.path = path
    this.#lock = lock
  }

  /**
   * Begins a run. Throws ResourceError when the folder holds one already, another process writes it, or nobody can.
   *
   * @param config the configuration file's text
   * @param command that takes such a run up
   */
  static async create(path: string, config: string, command: string): Promise<RunDirectory> {
    const run = await RunDirectory.#held(path)
    try {
      if ((await attempt('read', path, () => readdir(path))).includes(CONFIG)) {
        throw new ResourceError(
          `${path} holds a run already: go on with it (${command} --resume ${path}), or choose another folder`,
        )
      }
      await writeFileAtomic(join(path, CONFIG), config)
      return run
    } catch (error) {
      await run.#lock.release()
      throw error
    }
  }

  /**
   * Takes up a run; `text` is what its configuration `file` holds. Throws ResourceError when there is none, or another
   * process writes it.
   */
  static async open(path: string): Promise<{ run: RunDirectory; text: string; file: string }> {
    const file = join(path, CONFIG)
    const text = await readFile(file, 'utf8').catch((cause) => {
      throw new ResourceError(`${path} holds no run: there is no ${CONFIG} in it; check the path`, { cause })
    })
    return { run: await RunDirectory.#held(path), text, file }
  }

  static async #held(path: string): Promise<RunDirectory> {
    await attempt('make the directory', path, () => mkdir(join(path, CHECKPOINTS), { recursive: true }))
    return new RunDirectory(path, await lockOutput(path))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lock.release()
  }

  /** The folder of a step's checkpoint. */
  checkpoint(step: number): string {
    return join(this.path, CHECKPOINTS, `step-${String(step).padStart(8, '0')}`)
  }

  /** Steps that have a checkpoint, ascending. */
  async steps(): Promise<number[]> {
    const names = await readdir(join(this.path, CHECKPOINTS))
    return names
      .flatMap((name) => stepName.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b)
  }

  /** Where the newest checkpoint stands; undefined before the first. */
  async latest(): Promise<RunPosition | undefined> {
    const step = (await this.steps()).at(-1)
    if (step === undefined) return undefined
    const file = join(this.checkpoint(step), POSITION)
    const { format, ...position } = JSON.parse(await readFile(file, 'utf8')) as RunPosition & {
      format: number
    }
    if (format !== FORMAT) {
      throw new CheckpointError(
        `${file} is of format ${format}, this version reads ${FORMAT}: resume with the version that wrote it`,
      )
    }
    return position
  }

  /**
   * Writes a checkpoint: `fill` puts its files into a folder that gets its name when all of them are on the disk. Then
   * the pointers move, and what is no longer wanted goes.
   */
  async save(position: RunPosition, keep: number, fill: (directory: string) => Promise<void>): Promise<void> {
    const place = this.checkpoint(position.step)
    const text = `${JSON.stringify({ format: FORMAT, ...position }, null, 2)}\n`
    // After an interrupted evaluation the model is there already; only what is known of it has grown.
    if ((await this.steps()).includes(position.step)) await writeFileAtomic(join(place, POSITION), text)
    else await this.#writeNew(place, text, fill)
    await this.settle(position, keep)
  }

  /** Brings pointers and kept checkpoints in line with the newest position, after a kill at any moment. */
  async settle({ step, best }: RunPosition, keep: number): Promise<void> {
    await this.#point('latest', step)
    if (best) await this.#point('best', best.step)
    const folder = join(this.path, CHECKPOINTS)
    const kept = new Set((await this.steps()).slice(-keep))
    if (best) kept.add(best.step)
    for (const name of await readdir(folder)) {
      const digits = stepName.exec(name)?.[1]
      if (digits !== undefined && kept.has(Number(digits))) continue
      if (digits === undefined && !name.endsWith('.tmp')) continue
      await attempt('remove', join(folder, name), () =>
        rm(join(folder, name), { recursive: true, force: true }),
      )
    }
  }

  async #writeNew(
    place: string,
    position: string,
    fill: (directory: string) => Promise<void>,
  ): Promise<void> {
    const folder = join(this.path, CHECKPOINTS)
    const temporary = join(folder, `.${basename(place)}.tmp`)
    try {
      await rm(temporary, { recursive: true, force: true })
      await mkdir(temporary)
      await fill(temporary)
      await writeFileAtomic(join(temporary, POSITION), position)
      await syncFolder(temporary)
      await rename(temporary, place)
      await syncFolder(folder)
    } catch (error) {
      await rm(temporary, { recursive: true, force: true }).catch(() => {})
      throw fileError(error, 'write the checkpoint', place)
    }
  }

  /** A relative link, replaced in one step. */
  async #point(name: string, step: number): Promise<void> {
    const link = join(this.path, name)
    const temporary = join(this.path, `.${name}.tmp`)
    await attempt('write', link, async () => {
      await rm(temporary, { force: true })
      await symlink(join(CHECKPOINTS, basename(this.checkpoint(step))), temporary, 'dir')
      await rename(temporary, link)
    })
  }
}

async function syncFolder(path: string): Promise<void> {
  // Windows cannot open folders; there the names are on the disk when the call returns.
  if (process.platform === 'win32') return
  const handle = await open(path)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function attempt<T>(doing: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw fileError(error, doing, path)
  }
}
