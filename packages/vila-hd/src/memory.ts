// What a whole VILA-HD takes in memory, from its configurations alone: models are built without values to be counted.

import {
  cacheBytesPerToken,
  contextLength,
  type LanguageModelConfig,
  type LayerFactory,
  Qwen2,
} from '@ps3js/language-model'
import { type PS3Config, VisionModel } from '@ps3js/ps3-encoder'
import { type Module, ResourceError } from '@ps3js/tensor'

/** In bytes. Weights are held in float32, whatever they are stored as, unless the language model's layers pack them. */
export interface VilaHdMemory {
  languageModel: number
  visionTower: number
  /** Keys and values of `tokens` tokens in the language model. */
  cache: number
  tokens: number
  total: number
}

/** A question with closer looks and its answer; longer ones take more. */
const TOKENS = 4096

/** The connector is left out: below 1 %. */
export function vilaHdMemory(
  llm: LanguageModelConfig,
  vision: PS3Config,
  { layers }: { layers?: LayerFactory } = {},
): VilaHdMemory {
  const languageModel = weightBytes(new Qwen2(llm, layers))
  const visionTower = weightBytes(new VisionModel(vision))
  const tokens = Math.min(TOKENS, contextLength(llm))
  const cache = tokens * cacheBytesPerToken(llm)
  return { languageModel, visionTower, cache, tokens, total: languageModel + visionTower + cache }
}

function weightBytes(model: Module): number {
  let bytes = 0
  for (const [, { byteLength }] of model.namedParameters()) bytes += byteLength
  return bytes
}

/** @throws ResourceError with all the numbers when it is more than there is */
export function requireMemory(needed: VilaHdMemory, availableBytes: number, location: string): void {
  if (needed.total <= availableBytes) return
  const gb = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`
  throw new ResourceError(
    `${location} takes ${gb(needed.total)} of memory, and ${gb(availableBytes)} are free: ${gb(needed.languageModel)} for the language model's weights, ${gb(needed.visionTower)} for the vision tower's and ${gb(needed.cache)} for keys and values of ${needed.tokens} tokens. Hold the language model's weights packed (packedLayers('bf16') is half of float32), or take a smaller model or a larger machine`,
  )
}

/** What this process can still take, where that can be known; not so in browsers. */
export function availableMemory(): number {
  const { process } = globalThis as { process?: { availableMemory?: () => number } }
  return process?.availableMemory?.() ?? Number.POSITIVE_INFINITY
}
