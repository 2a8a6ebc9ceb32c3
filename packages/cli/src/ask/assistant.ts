// The VILA-HD that answers, and how: what `ask` and `chat` have in common.

import { float32Layers, packedLayers } from '@ps3js/language-model'
import { type BackendChoice, PACKED_FORMATS, type PackedFormat } from '@ps3js/tensor'
import { type AskOptions, loadVilaHd, type PictureAssistant } from '@ps3js/vila-hd'
import type { Command } from 'commander'
import { assetPath } from '../assets.ts'
import { backendChoice } from '../backend-choice.ts'
import type { CliContext } from '../context.ts'
import { formatBytes } from '../format.ts'
import { amount, oneOf, share, whole } from '../option-values.ts'
import { addLookOptions } from './look-flags.ts'

export interface AnswerFlags {
  model?: string
  /** Default: as the checkpoint is packed, else float32. */
  weights?: 'float32' | PackedFormat
  system?: string
  maxTokens: number
  temperature?: number
  topP?: number
  seed: number
  backend: BackendChoice
}

const WEIGHTS = ['float32', ...PACKED_FORMATS] as const

export function addAnswerOptions(command: Command): Command {
  return addLookOptions(
    command
      .option('--model <ref>', 'directory, URL or hub name of a VILA-HD (default: the built-in small one)')
      .option(
        '--weights <format>',
        `how the language model's weights are held: ${WEIGHTS.join(', ')}`,
        oneOf('--weights', WEIGHTS),
      )
      .option('--system <text>', 'what the model is told before everything else')
      .option('--max-tokens <n>', 'the longest answer', whole('--max-tokens', 1), 256)
      .option('--temperature <t>', 'draw tokens; without it the likeliest is taken', amount('--temperature'))
      .option('--top-p <p>', 'draw from the likeliest tokens that hold this share', share('--top-p'))
      .option('--seed <n>', 'the draw', whole('--seed'), 0)
      .option(
        '--backend <name>',
        'cpu, wasm, node, node-gpu or webgpu, or several in order',
        backendChoice,
        'auto',
      ),
  )
}

export function samplingOptions({ maxTokens, temperature, topP, seed }: AnswerFlags): AskOptions {
  return { maxTokens, temperature, topP, seed }
}

export interface AssistantInUse {
  assistant: PictureAssistant
  /** For people: what was asked for. */
  name: string
}

/** Loads the model that was named, or the built-in one and says what that is. Dispose the assistant. */
export async function loadAssistant(
  { model, weights }: Pick<AnswerFlags, 'model' | 'weights'>,
  { progress, signal, stderr }: CliContext,
): Promise<AssistantInUse> {
  const ref = model ?? assetPath('default-vila-hd')
  const name = model ?? 'VILA-HD-Tiny, the built-in small model'
  if (model === undefined) {
    progress.clear()
    stderr(`${name}, is a toy that knows its synthetic scenes only; name another with --model\n`)
  }
  progress.step(`opening ${name}`)
  const assistant = await loadVilaHd(ref, {
    signal,
    layers: weights && (weights === 'float32' ? float32Layers : packedLayers(weights)),
    onProgress: ({ file, loaded, total }) =>
      progress.step(`fetching ${file} (${formatBytes(loaded)})`, total ? loaded / total : undefined),
    onWeights: ({ loaded, total }) => progress.step(`loading weights of ${name}`, loaded / total),
  })
  return { assistant, name }
}
