// The vision transformer itself (timm VisionTransformer without class token), by parts: PS3 calls its blocks twice.

import {
  LayerNorm,
  Module,
  normalInitializer,
  Parameter,
  PatchProjection,
  type Tensor,
  tidy,
} from '@ps3js/tensor'
import { AttentionPool } from './attention-pool.ts'
import { Block } from './block.ts'
import type { TrunkConfig, VisionConfig } from './config.ts'
import { RadioAdapterV1, RadioAdapterV2 } from './radio-adapter.ts'

class PatchEmbed extends Module {
  readonly proj: PatchProjection

  constructor(width: number, patchSize: number) {
    super()
    this.proj = new PatchProjection(3, width, patchSize)
  }
}

export class Trunk extends Module {
  readonly pos_embed: Parameter
  readonly patch_embed: PatchEmbed
  readonly blocks: Block[]
  /** Absent in C-RADIO models unless `final_norm`. */
  readonly norm: LayerNorm | null
  readonly siglip_proj: RadioAdapterV1 | RadioAdapterV2 | null
  readonly attn_pool: AttentionPool

  constructor(trunk: TrunkConfig, vision: VisionConfig) {
    super()
    this.pos_embed = new Parameter([1, trunk.grid ** 2, trunk.width], normalInitializer(0.02))
    this.patch_embed = new PatchEmbed(trunk.width, trunk.patch_size)
    this.blocks = Array.from({ length: trunk.depth }, () => new Block(trunk))
    this.norm = vision.radio && !vision.final_norm ? null : new LayerNorm(trunk.width, 1e-6)
    this.siglip_proj = vision.radio ? radioAdapter(trunk, vision) : null
    this.attn_pool = new AttentionPool(trunk.attn_pool)
  }

  /** The pooled feature of the last block's output. x [B, N, C] -> [B, P]; see AttentionPool for `mask`. */
  pool(x: Tensor, mask?: Tensor): Tensor {
    return tidy(() => {
      const normed = this.norm ? this.norm.forward(x) : x
      return this.attn_pool.forward(this.siglip_proj ? this.siglip_proj.forward(normed) : normed, mask)
    })
  }
}

function radioAdapter(trunk: TrunkConfig, vision: VisionConfig): RadioAdapterV1 | RadioAdapterV2 {
  const outputDim = vision.radio_adapter_mlp_output_dim!
  const Adapter = vision.radio_adapter_mlp_version === 'v1' ? RadioAdapterV1 : RadioAdapterV2
  return new Adapter({
    inputDim: vision.radio_adapter_mlp_input_dim ?? trunk.width,
    hiddenDim: vision.radio_adapter_mlp_hidden_dim ?? outputDim,
    outputDim,
    numInner: vision.radio_adapter_mlp_num_inner ?? 0,
  })
}
