// From the language model's state after the question to the prompt that steers the selection of patches.

import { type Initializer, LayerNorm, Linear, Module, type Tensor, tidy } from '@ps3js/tensor'

/** As VILA-HD starts them: uniform in [-0.02, 0.02]. */
const init: Initializer = (values, random) => void random.fillUniform(values, -0.02, 0.02)

/** fc1, GELU, LayerNorm, fc2. */
class MlpHead extends Module {
  readonly fc1: Linear
  readonly norm: LayerNorm
  readonly fc2: Linear

  constructor(hiddenSize: number, promptWidth: number) {
    super()
    this.fc1 = new Linear(hiddenSize, 2 * promptWidth, { init })
    this.norm = new LayerNorm(2 * promptWidth, 1e-5)
    this.fc2 = new Linear(2 * promptWidth, promptWidth, { init })
  }

  forward(x: Tensor): Tensor {
    return tidy(() => this.fc2.forward(this.norm.forward(this.fc1.forwardGelu(x))))
  }
}

/** Anything that turns states [B, hidden] into prompts [B, promptWidth]. */
export interface PromptHead extends Module {
  forward(x: Tensor): Tensor
}

export function createPromptHead(
  kind: 'linear' | 'mlp',
  hiddenSize: number,
  promptWidth: number,
): PromptHead {
  return kind === 'linear'
    ? new Linear(hiddenSize, promptWidth, { init })
    : new MlpHead(hiddenSize, promptWidth)
}
