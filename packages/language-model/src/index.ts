// @ps3js/language-model: Qwen2 language models over tensor: loading, cached generation, sampling, training.

export {
  contextLength,
  type LanguageModelConfig,
  languageModelConfigJson,
  parseLanguageModelConfig,
} from './config.ts'
export {
  checkGeneration,
  type GeneratedToken,
  type GenerateOptions,
  type GenerationPart,
  generate,
} from './generate/generate.ts'
export { type PrefillOptions, type PrefillPart, type Prompt, prefill } from './generate/prefill.ts'
export { type Candidate, distribution, type SamplingOptions } from './generate/sampling.ts'
export {
  type Completion,
  LanguageModel,
  type LoadLanguageModelOptions,
  loadLanguageModel,
  type TextOptions,
  type TextPiece,
  type TextPrompt,
} from './language-model.ts'
export type { SequencePart } from './model/attention.ts'
export { cacheBytesPerToken, KeyValueCache } from './model/kv-cache.ts'
export {
  type EmbeddingLayer,
  float32Layers,
  type LayerFactory,
  type LinearLayer,
  type LinearShape,
} from './model/layers.ts'
export { packedLayers } from './model/packed-layers.ts'
export { type ForwardOptions, type ForwardOutput, Qwen2 } from './model/qwen2.ts'
export { type LoadModelOptions, loadModel, saveModel } from './pretrained/load.ts'
export { type QuantizedFormat, quantizedConfig, quantizedTensors } from './pretrained/quantize.ts'
export { StreamDecoder } from './text/stream-decoder.ts'
export { type ChatMessage, type ChatOptions, TextTokenizer } from './text/tokenizer.ts'
export { readTokenizerJson, type TokenizerJson, withSpecialToken } from './text/tokenizer-files.ts'
export { LORA_TARGETS, LoraAdapters, type LoraOptions, loraLayers } from './train/lora.ts'
export { loadAdapters, readLoraConfig, saveAdapters } from './train/lora-files.ts'
export { crossEntropy, IGNORED, nextTokenLoss } from './train/loss.ts'
