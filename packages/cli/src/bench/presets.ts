// `ps3 bench presets`: every model of the paper at full size builds, looks once, and survives saving and loading.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadPretrained, type PS3Encoder, savePretrained } from '@ps3js/ps3-encoder'
import { CheckpointError } from '@ps3js/tensor'
import type { CliContext } from '../context.ts'
import { benchPicture } from './encode.ts'
import { measureEncoding, peakMegabytes } from './measure.ts'
import { runCommand, shellQuote } from './peer.ts'
import { type PresetName, randomPreset } from './random-preset.ts'

export interface PresetResult {
  preset: PresetName
  parameters: number
  /** Seconds. */
  build: number
  encode: number
  saveAndLoad: number
  /** Highest memory after encoding, and in the end with saving and loading; units of 2^20 bytes. */
  encodePeak: number
  peak: number
}

/** One preset in this process. Throws CheckpointError when what was loaded differs from what was saved. */
export async function benchPreset(
  preset: PresetName,
  image: string | undefined,
  context: CliContext,
): Promise<PresetResult> {
  const { signal, progress } = context
  const seconds = stopwatch()
  progress.step(`building ${preset}`)
  const { encoder, processor } = randomPreset(preset)
  const build = seconds()
  progress.step(`encoding with ${preset}`)
  const picture = await benchPicture(image)
  const { median } = await measureEncoding({
    encoder,
    prepare: () => processor.process(picture),
    options: { looks: 1 },
    repeat: 1,
    warmup: 0,
    signal,
  })
  const encodePeak = peakMegabytes()
  seconds()
  const directory = await mkdtemp(join(tmpdir(), 'ps3-preset-'))
  try {
    progress.step(`saving ${preset}`)
    await savePretrained(encoder, directory, { processor, signal })
    const sums = await checksums(encoder)
    const parameters = encoder.parameterCount
    encoder.dispose()
    progress.step(`loading ${preset}`)
    const loaded = await loadPretrained(directory, { tokenizer: null, signal })
    requireEqual(preset, sums, await checksums(loaded.encoder))
    loaded.encoder.dispose()
    return {
      preset,
      parameters,
      build,
      encode: median.total,
      saveAndLoad: seconds(),
      encodePeak,
      peak: peakMegabytes(),
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Each preset in a process of its own, so that memory peaks are its own. */
export async function benchPresets(
  names: readonly PresetName[],
  passedOn: readonly string[],
  context: CliContext,
): Promise<PresetResult[]> {
  const results: PresetResult[] = []
  for (const name of names) {
    context.progress.step(name)
    const command = [...context.self, 'bench', 'presets', name, '--here', '--json', ...passedOn]
    const { stdout } = await runCommand(command.map(shellQuote).join(' '), context.signal)
    results.push(...(JSON.parse(stdout) as PresetResult[]))
  }
  return results
}

/** A digest of every parameter's bytes: two models in memory at once would need twice the space. */
async function checksums(encoder: PS3Encoder): Promise<Map<string, string>> {
  const sums = new Map<string, string>()
  for (const [path, parameter] of encoder.namedParameters()) {
    const values = (await parameter.value.data()) as Float32Array<ArrayBuffer>
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', values))
    sums.set(path, Buffer.from(digest).toString('hex'))
  }
  return sums
}

function requireEqual(preset: string, saved: Map<string, string>, loaded: Map<string, string>): void {
  const different = [...saved].filter(([path, sum]) => loaded.get(path) !== sum).map(([path]) => path)
  if (different.length === 0 && saved.size === loaded.size) return
  throw new CheckpointError(
    `${preset}: loaded parameters differ from the saved ones: ${different.slice(0, 5).join(', ')}`,
  )
}

function stopwatch(): () => number {
  let last = performance.now()
  return () => {
    const now = performance.now()
    const seconds = (now - last) / 1000
    last = now
    return seconds
  }
}
