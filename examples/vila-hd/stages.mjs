// VILA-HD-Tiny's recipe: PS3-Tiny and a small new Qwen2, taught in four stages of which each begins from the last one's model.
import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

/** What the first stage's model is made of. */
const parts = {
  visionTower: here('../../packages/cli/assets/default-model'),
  tokenizer: here('tokenizer'),
  languageModelConfig: {
    vocab_size: 464,
    hidden_size: 128,
    intermediate_size: 256,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    num_key_value_heads: 4,
    max_position_embeddings: 8192,
    rope_theta: 10000,
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

/** Of every stage. */
const common = {
  batch: 16,
  optimizer: { learningRate: 2e-3, betas: [0.9, 0.98], weightDecay: 0.01, clipNorm: 1 },
  schedule: { kind: 'constant', warmupSteps: 30 },
  log: { every: 20 },
  evaluation: { every: 200, samples: 96, maxTokens: 6 },
  checkpoint: { every: 100, keep: 2 },
}

/**
 * `asked`: kinds of questions, and long sides that the answer may need; default all. Budgets are patches of 87,480. One thing is
 * added at a time: what is added together throws back what was learned.
 */
const stages = [
  {
    name: 'colours',
    why: 'that answers are in the patches: of small dots, with few of their neighbours, and nothing else to read',
    asked: { kinds: ['mark'], needs: [1512, 3780] },
    settings: {
      steps: 200,
      selection: { mode: 'crop', budget: 24, lowRes: false },
      loss: { answer: 1, selection: 0 },
    },
  },
  {
    name: 'around',
    why: 'which of several colours is meant: that of the dot, and not of what it lies on, nor of the small picture',
    asked: { kinds: ['mark'], needs: [1512, 3780] },
    settings: { steps: 200, selection: { mode: 'crop', budget: 120 } },
  },
  {
    name: 'host',
    why: 'the same among most of what it lies on',
    asked: { kinds: ['mark'], needs: [1512, 3780] },
    settings: { steps: 200, selection: { mode: 'crop', budget: 240 } },
  },
  {
    name: 'read',
    why: 'what small marks look like, and other shapes beside the one that is meant',
    asked: { kinds: ['mark', 'number', 'word'] },
    settings: { steps: 1000, selection: { mode: 'forced', budget: 440, distractors: 8 } },
  },
  {
    name: 'find',
    why: 'as it is asked later: a hundredth of the patches, from where the model itself expects the answer',
    asked: {},
    settings: { steps: 1000, selection: { mode: 'predicted', budget: 875 } },
  },
]

export const RECIPE = { parts, common, stages }
