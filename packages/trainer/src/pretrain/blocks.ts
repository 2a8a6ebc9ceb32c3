// How a training step runs the trunk's blocks: as they are, or recomputing them in the backward pass
// (Chen et al., arXiv:1604.06174). Shapes: B batch, n low-res tokens, N high-res tokens, C width.

import type { Block } from '@ps3js/ps3-encoder'
import { checkpoint, concat, split, type Tensor } from '@ps3js/tensor'

export interface BlockRunner {
  /** Low-res tokens [B, n, C] -> the same, and the keys and values [B, n, 2C] that the high-res tokens attend to. */
  lowRes(block: Block, x: Tensor): { x: Tensor; keysValues: Tensor }
  /** High-res tokens [B, N, C] and what precedes them [B, n, 2C] -> [B, N, C] */
  highRes(block: Block, x: Tensor, prefix: Tensor | undefined): Tensor
}

/** Keeps what the backward pass needs. */
export const plainBlocks: BlockRunner = {
  lowRes: (block, x) => block.forwardWithCache(x),
  highRes: (block, x, prefix) => block.forward(x, prefix),
}

/** Keeps each block's input only: less memory for about a third more time. */
export const checkpointedBlocks: BlockRunner = {
  lowRes(block, x) {
    const width = x.shape[2]!
    // A segment has one output: tokens, keys and values side by side.
    const all = checkpoint(
      (input) => {
        const out = block.forwardWithCache(input)
        return concat([out.x, out.keysValues], 2)
      },
      [x],
      parametersOf(block),
    )
    const [tokens, keysValues] = split(all, [width, 2 * width], 2) as [Tensor, Tensor]
    return { x: tokens, keysValues }
  },
  highRes(block, x, prefix) {
    const parameters = parametersOf(block)
    if (!prefix) return checkpoint((tokens) => block.forward(tokens), [x], parameters)
    return checkpoint((tokens, before) => block.forward(tokens, before), [x, prefix], parameters)
  },
}

const parametersOf = (block: Block): Tensor[] => [...block.namedParameters()].map(([, p]) => p.value)
