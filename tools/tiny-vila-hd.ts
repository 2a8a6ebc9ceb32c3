// For tests: a whole VILA-HD of 30,000 parameters with a tokenizer of bytes, made in memory: answers are nonsense, but every one
// depends on every part.

import {
  parseLanguageModelConfig,
  Qwen2,
  TextTokenizer,
  type TokenizerJson,
} from '../packages/language-model/src/index.ts'
import { ImageProcessor, PS3Encoder, parseConfig, type RgbImage } from '../packages/ps3-encoder/src/index.ts'
import { Random } from '../packages/tensor/src/index.ts'
import { PictureAssistant, tokenIds, VilaHd, type VilaHdConfig } from '../packages/vila-hd/src/index.ts'
import { Connector } from '../packages/vila-hd-connector/src/index.ts'

/** Every byte is a character, as in byte-level BPE without merges. */
export function byteTokenizer(): TokenizerJson {
  const printable = (byte: number) =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255)
  let next = 256
  const vocab: Record<string, number> = {}
  for (let byte = 0; byte < 256; byte++) vocab[String.fromCodePoint(printable(byte) ? byte : next++)] = byte
  const special = ['<|im_start|>', '<|im_end|>', '<image>'].map((content, i) => ({
    id: 256 + i,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }))
  for (const { id, content } of special) vocab[content] = id
  return {
    tokenizer: {
      version: '1.0',
      added_tokens: special,
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
      decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
      model: { type: 'BPE', vocab, merges: [] },
    },
    config: { eos_token: '<|im_end|>' },
    chatTemplate:
      "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
  }
}

/** Scales 16, 32 and 64 with patches of 4: 16 low-res patches, 64 and 256 above; blocks of 2 x 2 become tokens. */
const tinyVision = {
  vision: {
    model_type: 'ps3_vision_model',
    model_name: 'tiny',
    hidden_size: 16,
    pool: 'map',
    ps3_scales: [16, 32, 64],
    select_based_on_layer: [0, 1],
    max_select_num: 80,
    highres_selection_feature: false,
  },
  trunk: {
    patch_size: 4,
    grid: 4,
    width: 16,
    depth: 3,
    heads: 2,
    mlp_hidden: 24,
    attn_pool: { width: 16, heads: 2, mlp_ratio: 2 },
  },
}

const tinyLanguage = {
  vocab_size: 259,
  hidden_size: 24,
  intermediate_size: 40,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 512,
  initializer_range: 0.4,
  tie_word_embeddings: true,
}

export interface TinyOptions {
  config?: Partial<VilaHdConfig>
  promptHead?: 'linear' | 'mlp' | null
  maxPositions?: number
}

export function tinyAssistant({
  config,
  promptHead = 'mlp',
  maxPositions = 512,
}: TinyOptions = {}): PictureAssistant {
  const normalization = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }
  const vision_tower = new PS3Encoder({
    config: parseConfig(tinyVision.vision, tinyVision.trunk),
    normalization,
  })
  vision_tower.initialize(1)
  const llm = new Qwen2(parseLanguageModelConfig({ ...tinyLanguage, max_position_embeddings: maxPositions }))
  llm.initialize(2)
  const mm_projector = new Connector({
    projectorType: 'mlp_downsample',
    visionWidth: 16,
    hiddenSize: 24,
    promptHead,
    positionGrid: 4,
    numScales: 3,
  })
  mm_projector.initialize(3)
  // As they start, prompts of all questions are nearly the same: questions must matter.
  for (const [name, parameter] of mm_projector.namedParameters()) {
    if (!/^(top_down|high_res)/.test(name)) continue
    const values = new Float32Array(parameter.size)
    new Random(name.length).fillNormal(values, 0.5)
    parameter.set(values)
  }
  const tokenizer = new TextTokenizer(byteTokenizer())
  const model = new VilaHd(
    { vision_tower, llm, mm_projector },
    {
      selectLayer: -2,
      lookMode: 'after-prompt',
      promptState: 'last',
      looks: 1,
      tokens: null,
      dynamicAspectRatio: false,
      ...tokenIds(tokenizer, '\n'),
      ...config,
    },
  )
  const processor = new ImageProcessor({ image_size: 64, mean: 0.5, std: 0.5 })
  return new PictureAssistant({ model, tokenizer, processor, stopIds: [] })
}

/** Coloured noise in blocks, so that places differ at every scale. */
export function picture(seed: number, width = 64, height = 64): RgbImage {
  const random = new Random(seed)
  const colors = Float32Array.from({ length: 3 * 64 }, () => 0)
  random.fillUniform(colors, 0, 255)
  const data = new Uint8Array(3 * width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const block = Math.floor((y * 8) / height) * 8 + Math.floor((x * 8) / width)
      for (let c = 0; c < 3; c++) data[(y * width + x) * 3 + c] = colors[3 * block + c]!
    }
  }
  return { width, height, data }
}
