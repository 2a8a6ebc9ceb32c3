// Runs one command line inside the test process and keeps what it printed. Models and pictures are the recorded ones.

import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { CliContext } from './context.ts'
import { runCli } from './program.ts'
import { Progress } from './progress.ts'

const recorded = fileURLToPath(new URL('../fixtures/recorded', import.meta.url))

/** A tiny model with text tower and tokenizer: scales 56, 112, 224, so 8 x 8 and 16 x 16 high-res patches, 64 a look. */
export const tinyModel = join(recorded, 'siglip-tiny3/model')
export const widePicture = join(recorded, 'siglip-tiny3/inputs/291x136_s1021.png')
export const squarePicture = join(recorded, 'siglip-tiny3/inputs/224x224_s1012.png')

export interface CliResult {
  status: number
  stdout: string
  stderr: string
}

export async function ps3(
  args: readonly string[],
  signal = new AbortController().signal,
  self: CliContext['self'] = [process.execPath],
  input: readonly string[] = [],
): Promise<CliResult> {
  let stdout = ''
  let stderr = ''
  const status = await runCli(args, {
    stdout: (text) => {
      stdout += text
    },
    stderr: (text) => {
      stderr += text
    },
    progress: new Progress(null),
    signal,
    stdin: Readable.from(input.map((line) => `${line}\n`)),
    self,
  })
  return { status, stdout, stderr }
}

/** Every file below, hidden ones too, as sorted relative paths. */
export async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort()
}
