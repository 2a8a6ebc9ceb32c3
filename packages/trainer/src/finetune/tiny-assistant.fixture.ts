// A whole VILA-HD of a few thousand parameters with a tokenizer of bytes, and questions about coloured squares, all made
// in memory: runs that take seconds.

import { parseLanguageModelConfig, Qwen2, TextTokenizer, type TokenizerJson } from '@ps3js/language-model'
import { ImageProcessor, PS3Encoder, parseConfig } from '@ps3js/ps3-encoder'
import { Random } from '@ps3js/tensor'
import { type LookMode, PictureAssistant, type PromptState, tokenIds, VilaHd } from '@ps3js/vila-hd'
import { Connector } from '@ps3js/vila-hd-connector'
import type { SampleSource } from '../run/samples.ts'
import { type FineTuneConfig, type FineTuneConfigInput, parseFineTuneConfig } from './config.ts'
import { spellerOf } from './evaluate.ts'
import { type QuestionBatch, type QuestionSample, spellQuestion } from './rows.ts'

export const SIZE = 64
export const COLORS = {
  red: [230, 30, 30],
  green: [30, 200, 30],
  blue: [30, 30, 230],
  white: [240, 240, 240],
}
type Color = keyof typeof COLORS

/** Every letter is a token; the vocabulary ends at 64. */
export function letterTokenizer(): TokenizerJson {
  const letters = ['Ġ', 'Ċ', ...'abcdefghijklmnopqrstuvwxyz?.0123456789ABCDEFGHIJKLMNOPQRSTU']
  const special = ['<|im_start|>', '<|im_end|>', '<image>'].map((content, i) => ({
    id: 61 + i,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }))
  const vocab = Object.fromEntries(letters.map((letter, id) => [letter, id]))
  for (const { id, content } of special) vocab[content] = id
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false }
  return {
    tokenizer: {
      version: '1.0',
      added_tokens: special,
      pre_tokenizer: byteLevel,
      decoder: byteLevel,
      model: { type: 'BPE', vocab, merges: [] },
    },
    config: { eos_token: '<|im_end|>' },
    chatTemplate:
      "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
  }
}

/** Scales 16, 32 and 64 with patches of 4: 16 low-res patches, 64 and 256 above; blocks of 2 x 2 become tokens. */
export const tinyVision = {
  config: {
    model_type: 'ps3_vision_model',
    model_name: 'tiny',
    hidden_size: 16,
    pool: 'map',
    ps3_scales: [16, 32, 64],
    select_based_on_layer: [0, 1],
    max_select_num: 40,
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
  preprocessor: { image_size: SIZE, mean: 0.5, std: 0.5 },
}

export const tinyLanguage = {
  vocab_size: 64,
  hidden_size: 16,
  intermediate_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  max_position_embeddings: 256,
  initializer_range: 0.2,
  tie_word_embeddings: true,
}

export function tinyAssistant({
  promptState = 'last',
  lookMode = 'after-prompt',
}: {
  promptState?: PromptState
  lookMode?: LookMode
} = {}): PictureAssistant {
  const normalization = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }
  const vision_tower = new PS3Encoder({
    config: parseConfig(tinyVision.config, tinyVision.trunk),
    normalization,
  })
  vision_tower.initialize(1)
  const llm = new Qwen2(parseLanguageModelConfig(tinyLanguage))
  llm.initialize(2)
  const mm_projector = new Connector({
    projectorType: 'mlp_downsample',
    visionWidth: 16,
    hiddenSize: 16,
    promptHead: 'linear',
    positionGrid: 4,
    numScales: 3,
  })
  mm_projector.initialize(3)
  const tokenizer = new TextTokenizer(letterTokenizer())
  const model = new VilaHd(
    { vision_tower, llm, mm_projector },
    {
      selectLayer: -2,
      lookMode,
      promptState,
      looks: 1,
      tokens: null,
      dynamicAspectRatio: false,
      ...tokenIds(tokenizer, '\n'),
    },
  )
  const processor = new ImageProcessor(tinyVision.preprocessor)
  return new PictureAssistant({ model, tokenizer, processor, stopIds: [tokenizer.eosId!] })
}

/** A square in the left half and one in the right, of different colours; one of them is asked for. */
export function drawQuestions(random: Random): QuestionSample[] {
  const data = new Uint8Array(SIZE * SIZE * 3)
  for (let i = 0; i < data.length; i++) data[i] = random.uint32() & 63
  const names = random.shuffle(Object.keys(COLORS) as Color[])
  const sides = ['left', 'right'].map((side, i) => {
    const x = i * (SIZE / 2) + 4 * random.integer(5)
    const y = 4 * random.integer(13)
    const color = names[i]!
    for (let row = y; row < y + 12; row++)
      for (let column = x; column < x + 12; column++) data.set(COLORS[color], (row * SIZE + column) * 3)
    return { side, color, box: [x, y, x + 12, y + 12] as const }
  })
  const image = { width: SIZE, height: SIZE, data }
  return sides.map(({ side, color, box }, i) => ({
    image,
    question: `which color is ${side}?`,
    answer: color,
    kind: 'color',
    boxes: [box],
    distractors: [sides[1 - i]!.box],
    minResolution: 32,
  }))
}

export function tinyBatch(assistant: PictureAssistant, pictures: number, seed = 5): QuestionBatch {
  const random = new Random(seed)
  const samples = Array.from({ length: pictures }, () => drawQuestions(random)).flat()
  return { samples, ids: samples.map((sample) => spellQuestion(sample, spellerOf(assistant))) }
}

/** Endless; the state is the generator's. */
export function tinyQuestions(seed = 1): SampleSource<QuestionSample> {
  return {
    async *open(state) {
      const random = new Random((state as Random['state'] | null) ?? seed)
      for (;;) {
        const before = random.state
        const [first, second] = drawQuestions(random) as [QuestionSample, QuestionSample]
        // One question of each picture, so that every sample's state is the generator's.
        yield { sample: before[3] % 2 === 0 ? first : second, state: random.state }
      }
    },
  }
}

export async function* tinyEvaluationQuestions(pictures = 1): AsyncGenerator<QuestionSample> {
  const random = new Random(77)
  for (let i = 0; i < pictures; i++) yield* drawQuestions(random)
}

/** Two questions a step, four steps; `from` is a VILA-HD's folder. */
export function tinyFineTuneConfig(
  from: string,
  overrides: Partial<FineTuneConfigInput> = {},
): FineTuneConfig {
  return parseFineTuneConfig({
    model: { from },
    batch: 2,
    steps: 4,
    seed: 3,
    optimizer: { learningRate: 2e-3 },
    schedule: { warmupSteps: 1 },
    selection: { mode: 'forced', distractors: 1 },
    log: { every: 2 },
    evaluation: { every: 2, budgets: [0.1], maxTokens: 4 },
    checkpoint: { every: 2, keep: 2 },
    ...overrides,
  })
}
