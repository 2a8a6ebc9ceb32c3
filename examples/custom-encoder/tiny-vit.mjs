// Somebody's vision transformer (arXiv:2010.11929): all that patch selection asks of it are hidden states of its layers.
// Shapes: B pictures, N patches, W width.
import {
  add,
  LayerNorm,
  Linear,
  Mlp,
  Module,
  normalInitializer,
  Parameter,
  selfAttention,
} from '@ps3js/tensor'

class Block extends Module {
  constructor(width) {
    super()
    this.norm1 = new LayerNorm(width, 1e-6)
    this.qkv = new Linear(width, 3 * width)
    this.proj = new Linear(width, width)
    this.norm2 = new LayerNorm(width, 1e-6)
    this.mlp = new Mlp({ inFeatures: width, hiddenFeatures: 4 * width, outFeatures: width })
  }

  forward(x) {
    const attended = selfAttention(this.qkv.forward(this.norm1.forward(x)), { numHeads: 4 })
    const y = add(x, this.proj.forward(attended))
    return add(y, this.mlp.forward(this.norm2.forward(y)))
  }
}

export class TinyViT extends Module {
  constructor({ patches, patchSize, width, depth }) {
    super()
    this.embed = new Linear(3 * patchSize ** 2, width)
    this.positions = new Parameter([patches, width], normalInitializer(0.02))
    this.blocks = Array.from({ length: depth }, () => new Block(width))
  }

  /** Unfolded patches [B, N, 3*p*p] -> the output of every block, [B, N, W] each */
  hiddenStates(patches) {
    const states = []
    let x = add(this.embed.forward(patches), this.positions.value)
    for (const block of this.blocks) {
      x = block.forward(x)
      states.push(x)
    }
    return states
  }
}
