// VILA-HD-Tiny's recipe: PS3-Tiny and a small new Qwen2. The encoder is taught first; then the whole model, in stages of which
// each begins from the last one's model.
import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

/** What the encoder learns before there is a language model: patches.mjs, then where.mjs. */
const encoder = {
  from: here('../../packages/cli/assets/default-model'),
  patches: { steps: 6000, writing: { digit: 0.3, letters: 0.7 } },
  where: { steps: 400 },
}

/** What the first stage's model is made of, besides that encoder. */
const parts = {
  tokenizer: here('tokenizer'),
  languageModelConfig: {
    vocab_size: 464,
    hidden_size: 128,
    intermediate_size: 256,
    num_hidden_layers: 3,
    num_attention_heads: 4,
    num_key_value_heads: 4,
    max_position_embeddings: 8192,
    // What is looked for lies anywhere among thousands of patches: most of a query and a key should not turn with distance.
    rope_theta: 1e8,
    tie_word_embeddings: true,
    // Qwen2's .02 is for widths of thousands: at 128 all attention is even with it.
    initializer_range: 0.08,
  },
  // A token for each patch. A dot's colour is plain in one patch's features; where blocks become tokens it has to be learned for
  // every place in the block.
  projector: 'mlp2x_gelu',
  // Of two blocks the last: before it, patches have looked around once.
  selectLayer: -1,
  promptHead: 'mlp',
  // With the last state alone where to look hardly follows the question.
  promptState: 'mean',
}

/**
 * The language model on close looks: `plain` ones first, of patches as they were taught, in which dots and digits show how to
 * find what is meant; then `letters`, of which there is never one alone, as one alone is read without finding it; then windows
 * of whole shapes at every scale. Words are never shown: there are so few that they are learned by heart. Rates are shares of
 * the learning rate.
 */
const rates = { 'llm.': 1, 'mm_projector.layers.': 0.2, 'vision_tower.vision_model.trunk.': 0.1 }
const together = { learningRate: 2e-3, rates, among: [2, 7, 14] }
const close = [
  {
    ...{ name: 'plain', steps: 1000, learningRate: 2e-3, rates, isPlain: true },
    writing: { digit: 0.7, letters: 0.3 },
  },
  {
    ...{ name: 'letters', steps: 1000, ...together, isPlain: true, dotsEvery: 4 },
    writing: { digit: 0.2, letters: 0.8 },
  },
  {
    ...{ name: 'windows', steps: 700, ...together, dotsEvery: 3 },
    writing: { digit: 0.3, letters: 0.7 },
  },
]

/** Of every stage. The encoder has learned what its patches hold, and the language model to read it: larger steps lose that. */
const common = {
  batch: 56,
  optimizer: {
    ...{ learningRate: 1e-3, promptHead: 2e-3, connector: 2e-4, visionTower: 1e-4 },
    ...{ betas: [0.9, 0.98], weightDecay: 0.01, clipNorm: 1 },
  },
  // Where to look hardly follows the question where only the prompt head learns it.
  prompt: { gradient: true },
  schedule: { kind: 'constant', warmupSteps: 30 },
  log: { every: 10 },
  evaluation: { every: 100, samples: 112, maxTokens: 6 },
  checkpoint: { every: 50, keep: 2 },
}

/**
 * `asked`: kinds of questions, and long sides that the answer may need; default all. Budgets are patches of 87,480: what lies
 * around all marks of a picture, read once for all questions about it.
 */
const stages = [
  {
    name: 'read',
    why: 'where to look, in whole pictures: the prompt is not found among low-res tokens',
    asked: { kinds: ['mark', 'number'], needs: [1512, 3780] },
    settings: { steps: 120, selection: { mode: 'together', budget: [300, 1200], lowRes: false } },
  },
  {
    name: 'among',
    why: 'letters too, behind the picture at low resolution, from few patches to a twentieth of all',
    asked: { kinds: ['mark', 'number', 'word'], needs: [1512, 3780] },
    settings: {
      ...{ batch: 28, steps: 200, selection: { mode: 'together', budget: [400, 4400] } },
      optimizer: {
        ...common.optimizer,
        learningRate: 5e-4,
        promptHead: 5e-4,
        connector: 5e-5,
        visionTower: 3e-5,
      },
      // What large steps shake off comes back.
      schedule: { kind: 'cooldown', warmupSteps: 30, cooldownSteps: 150 },
    },
  },
]

/**
 * At the end, of what looks closely: five times the patches are five times as much to tell a letter from. Chosen on other
 * pictures than those of the evaluation: docs/decisions/2026-11-26-sharper-attention.md.
 */
const sharpened = { factor: 1.4 }

export const RECIPE = { encoder, parts, close, common, stages, sharpened }
