// What training on several workers needs of a transport: three ways to exchange equally shaped tensors.

import type { Tensor } from '@ps3js/tensor'

/**
 * One worker's end. Every worker calls the same methods in the same order with tensors of one shape; a call is over when
 * all have made it. Values come back in new tensors, which belong to the caller.
 */
export interface Collective {
  /** This worker's number, 0 to size - 1. */
  readonly rank: number
  /** How many workers there are. */
  readonly size: number
  /** Everybody's tensor, by rank. */
  allGather(x: Tensor): Promise<Tensor[]>
  /** The sum of everybody's tensors, the same to the last bit on all workers. */
  allReduce(x: Tensor): Promise<Tensor>
  /** Neighbour exchange: hands x to the next worker (rank + 1, the last to the first) and gives the previous one's. */
  shift(x: Tensor): Promise<Tensor>
}

/** One worker alone. */
export const singleProcess: Collective = {
  rank: 0,
  size: 1,
  allGather: async (x) => [x.clone()],
  allReduce: async (x) => x.clone(),
  shift: async (x) => x.clone(),
}
