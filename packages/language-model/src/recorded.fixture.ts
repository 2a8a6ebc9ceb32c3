// Recorded outputs of transformers' Qwen2ForCausalLM, and small models of our own.
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { bytesSource, openSafetensors } from '@ps3js/tensor'
import {
  type LanguageModelConfig,
  type LayerFactory,
  loadModel,
  parseLanguageModelConfig,
  Qwen2,
} from './index.ts'

export const RECORDED = ['qwen2-tied', 'qwen2-untied'] as const

export const folderOf = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))

export interface Recorded {
  read(name: string): Promise<Float32Array>
  rows(name: string): Promise<number[][]>
  names: string[]
}

export async function readRecorded(name: string): Promise<Recorded> {
  const file = await openSafetensors(bytesSource(await readFile(`${folderOf(name)}/tensors.safetensors`)))
  const read = (tensor: string) => file.readFloat32(tensor)
  return {
    read,
    names: file.names(),
    async rows(tensor) {
      const width = file.info(tensor).shape.at(-1)!
      const values = [...(await read(tensor))]
      return Array.from({ length: values.length / width }, (_, i) => values.slice(i * width, (i + 1) * width))
    },
  }
}

export const loadRecorded = (name: string) => loadModel(`${folderOf(name)}/model`)

/** A small model with weights large enough for its tokens to differ. */
export function smallModel(overrides: Partial<LanguageModelConfig> = {}, layers?: LayerFactory): Qwen2 {
  const config = parseLanguageModelConfig({
    vocab_size: 50,
    hidden_size: 24,
    intermediate_size: 40,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    max_position_embeddings: 1024,
    initializer_range: 0.5,
    tie_word_embeddings: true,
  })
  const model = new Qwen2({ ...config, ...overrides }, layers)
  model.initialize(3)
  return model
}
