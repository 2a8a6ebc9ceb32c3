// VILA-HD (PS3, arXiv:2503.19903, section 4): a vision encoder that looks closely, a connector, and a language model that
// says where. Everything here is synchronous and differentiable; `PictureReader` answers questions with it.
// Shapes: n low-res tokens, m high-res tokens, D width of the language model.

import type { Qwen2 } from '@ps3js/language-model'
import type { PS3Encoder } from '@ps3js/ps3-encoder'
import { ConfigError, concat, InvalidArgumentError, Module, split, type Tensor, tidy } from '@ps3js/tensor'
import type { Connector } from '@ps3js/vila-hd-connector'
import type { VilaHdConfig } from './config.ts'
import { countRows, type Segment } from './sequence.ts'

/** The tokens of one picture in a sequence. */
export interface PictureTokens {
  /** The connector's `lowRes`: [n, D]; null where it is left out. */
  low: Tensor | null
  /** The connector's `highRes`, where there was a closer look: [m, D] */
  high: Tensor | null
}

export interface VilaHdParts {
  vision_tower: PS3Encoder
  llm: Qwen2
  mm_projector: Connector
}

export class VilaHd extends Module {
  readonly vision_tower: PS3Encoder
  readonly llm: Qwen2
  readonly mm_projector: Connector
  readonly config: VilaHdConfig

  /** Takes parts that fit each other, and owns them from now on. */
  constructor(parts: VilaHdParts, config: VilaHdConfig) {
    super()
    checkFit(parts, config)
    this.vision_tower = parts.vision_tower
    this.llm = parts.llm
    this.mm_projector = parts.mm_projector
    this.config = config
  }

  /** The encoder's block whose output the connector reads. */
  get featureLayer(): number {
    return this.vision_tower.config.trunk.depth + this.config.selectLayer
  }

  /** Rows that a picture takes in a sequence, with what ends it. */
  pictureRows({ low, high }: PictureTokens): number {
    return (low?.shape[0] ?? 0) + (high?.shape[0] ?? 0) + this.config.pictureEndIds.length
  }

  /**
   * What the language model reads: text, and for each picture its low-res tokens, its high-res tokens, and what ends a
   * picture. Several sequences for one packed pass: their segments one after another. -> [rows, D]
   */
  embedSequence(segments: readonly Segment[], pictures: readonly PictureTokens[]): Tensor {
    const { pictureEndIds } = this.config
    const runs = segments.map((segment) => ('ids' in segment ? segment.ids : pictureEndIds))
    const lengths = runs.map(({ length }) => length)
    const unknown = segments.find((segment) => 'picture' in segment && !pictures[segment.picture])
    if (unknown && 'picture' in unknown) {
      throw new InvalidArgumentError(`the sequence names picture ${unknown.picture} of ${pictures.length}`)
    }
    return tidy(() => {
      const ids = runs.flat()
      // One look-up for all text: its gradient is a whole table.
      const text = ids.length > 0 ? (split(this.llm.embed(ids), lengths, 0) as Tensor[]) : []
      const parts = segments.flatMap((segment, i) => {
        if ('ids' in segment) return [text[i]!]
        const { low, high } = pictures[segment.picture]!
        const end = lengths[i]! > 0 ? [text[i]!] : []
        return [...(low ? [low] : []), ...(high ? [high] : []), ...end]
      })
      return concat(parts, 0)
    })
  }

  /** Rows of `embedSequence`. */
  countRows(segments: readonly Segment[], pictures: readonly PictureTokens[]): number {
    return countRows(segments, (picture) => this.pictureRows(pictures[picture]!))
  }
}

function checkFit({ vision_tower, llm, mm_projector }: VilaHdParts, { selectLayer }: VilaHdConfig): void {
  const { width, depth } = vision_tower.config.trunk
  const { ps3_scales: scales } = vision_tower.config.vision
  const { visionWidth, hiddenSize, promptWidth = visionWidth, promptHead, numScales } = mm_projector.config
  if (numScales > 0 && numScales < scales.length) {
    throw new ConfigError(`the connector knows ${numScales} scales, the vision tower has ${scales.length}`)
  }
  if (visionWidth !== width) {
    throw new ConfigError(`the connector reads features of ${visionWidth}, the vision tower gives ${width}`)
  }
  if (promptHead && promptWidth !== width) {
    throw new ConfigError(`the prompt head gives prompts of ${promptWidth}, the vision tower takes ${width}`)
  }
  if (hiddenSize !== llm.config.hiddenSize) {
    throw new ConfigError(
      `the connector gives tokens of ${hiddenSize}, the language model reads ${llm.config.hiddenSize}`,
    )
  }
  if (!(Number.isInteger(selectLayer) && selectLayer < 0 && selectLayer >= -depth)) {
    throw new ConfigError(
      `mm_vision_select_layer is ${selectLayer}; the vision tower has layers -1 (the last) to ${-depth}`,
    )
  }
}
