// What a model can do, measured on samples that it was not trained on: retrieval, zero-shot classification, and where it
// looks when asked. Runs wherever the encoder runs.

import { type Box, probabilityMaps } from '@ps3js/patch-selector'
import type { PS3Encoder, Tokenizer } from '@ps3js/ps3-encoder'
import {
  concat,
  InvalidArgumentError,
  l2Normalize,
  matMul,
  mean,
  Random,
  type Tensor,
  TensorScope,
  tensorData,
  tidy,
} from '@ps3js/tensor'
import { type ForwardOptions, pretrainForward } from '../pretrain/forward.ts'
import { type CaptionedPicture, collate } from '../run/collate.ts'
import { inBatches } from './in-batches.ts'
import {
  type RetrievalMetrics,
  retrievalMetrics,
  rightRanks,
  type SimilarityMatrix,
  transposed,
} from './retrieval.ts'
import { type SelectionRecall, SelectionRecallMean } from './selection-recall.ts'
import { labelOf, type ZeroShotMetrics, zeroShotMetrics } from './zero-shot.ts'

/** A sample of training, and the boxes that its region was made of. */
export interface EvaluationSample extends CaptionedPicture {
  /** In pixels of the picture; none where the caption describes the whole. */
  boxes: readonly Box[]
}

/** An encoder with a text tower, and what turns texts into its token ids. */
export interface EvaluatedModel {
  encoder: PS3Encoder
  tokenizer: Tokenizer
}

/** How the forward pass goes is best as it was in training: see `selection` in the configuration. */
export interface EvaluateOptions extends ForwardOptions {
  /** Samples at a time. Default 8. */
  batch?: number
  /** Shares of the patches at which selection recall is measured. Default .01, .02, .05, .1, .2. */
  budgets?: readonly number[]
  /** Class names for zero-shot classification; a sample's class is the one that its caption names. */
  classes?: readonly string[]
  /** What a class name is put into, `{}` standing for it; several are averaged. Default `{}`. */
  templates?: readonly string[]
  /** Of the random selection. Default 0. */
  seed?: number
  signal?: AbortSignal
  onProgress?: (samples: number) => void
}

export interface Evaluation {
  samples: number
  /** Among the samples; captions that are equal answer for each other. */
  retrieval: { textToImage: RetrievalMetrics; imageToText: RetrievalMetrics }
  /** null when no sample has a box. */
  selection: SelectionRecall | null
  zeroShot: ZeroShotMetrics | null
}

interface BatchFeatures {
  /** l2-normalised: [B, P] */
  image: Tensor
  text: Tensor
}

/**
 * Evaluates a model. A picture's feature is that of training: pooled from the patches
 * that its caption selects, the low-res one where the caption describes the whole.
 *
 * @throws InvalidArgumentError when there is no sample
 */
export async function evaluate(
  model: EvaluatedModel,
  samples: AsyncIterable<EvaluationSample>,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const { batch: size = 8, budgets = [0.01, 0.02, 0.05, 0.1, 0.2], classes = [], seed = 0 } = options
  using scope = new TensorScope()
  const recall = new SelectionRecallMean(budgets, new Random(seed))
  const images: Tensor[] = []
  const texts: Tensor[] = []
  const captions: string[] = []
  for await (const batch of inBatches(samples, size)) {
    options.signal?.throwIfAborted()
    const { image, text } = scope.track(await measureBatch(model, batch, recall, options))
    images.push(image)
    texts.push(text)
    captions.push(...batch.map((sample) => sample.caption))
    options.onProgress?.(captions.length)
  }
  if (captions.length === 0) {
    throw new InvalidArgumentError('there is no sample to evaluate on; check what the shards hold')
  }
  const features = scope.run(() => concat(images, 0))
  const toTexts = await similarities(
    features,
    scope.run(() => concat(texts, 0)),
    options.signal,
  )
  const same = (a: number, b: number) => captions[a] === captions[b]
  return {
    samples: captions.length,
    retrieval: {
      textToImage: retrievalMetrics(rightRanks(transposed(toTexts), same)),
      imageToText: retrievalMetrics(rightRanks(toTexts, same)),
    },
    selection: recall.mean,
    zeroShot: await zeroShot(model, features, captions, classes, options),
  }
}

/** Features of a batch, and on the way where the model looks. */
async function measureBatch(
  { encoder, tokenizer }: EvaluatedModel,
  batch: readonly EvaluationSample[],
  recall: SelectionRecallMean,
  options: EvaluateOptions,
): Promise<BatchFeatures> {
  using scope = new TensorScope()
  const { imageFeatures, textFeatures, bottomUp, topDown, grids } = scope.track(
    await pretrainForward(encoder, collate(batch, tokenizer), options, (body) => tidy(body)),
  )
  const prior = await probabilityMaps(bottomUp)
  const asked = await probabilityMaps(topDown)
  batch.forEach(({ boxes, image }, i) => {
    if (boxes.length === 0) return
    recall.add({ boxes, imageSize: image, grids, bottomUp: prior[i]!, topDown: asked[i]! })
  })
  return scope.keep({ image: imageFeatures, text: textFeatures })
}

async function zeroShot(
  { encoder, tokenizer }: EvaluatedModel,
  features: Tensor,
  captions: readonly string[],
  classes: readonly string[],
  { templates = ['{}'], signal }: EvaluateOptions,
): Promise<ZeroShotMetrics | null> {
  if (classes.length === 0) return null
  using scope = new TensorScope()
  const means: Tensor[] = []
  for (const name of classes) {
    signal?.throwIfAborted()
    const texts = templates.map((template) => template.replaceAll('{}', name))
    means.push(
      scope.run(() => {
        const { pooled } = encoder.text_model!.forward(tokenizer.encode(texts))
        return l2Normalize(mean(l2Normalize(pooled), 0, true))
      }),
    )
  }
  const toClasses = await similarities(
    features,
    scope.run(() => concat(means, 0)),
    signal,
  )
  return zeroShotMetrics(
    toClasses,
    captions.map((caption) => labelOf(caption, classes)),
  )
}

/** Cosines of unit vectors [N, P] and [M, P]. */
async function similarities(
  queries: Tensor,
  candidates: Tensor,
  signal: AbortSignal | undefined,
): Promise<SimilarityMatrix> {
  using scope = new TensorScope()
  const product = scope.run(() => matMul(queries, candidates, false, true))
  return {
    queries: queries.shape[0]!,
    candidates: candidates.shape[0]!,
    values: await tensorData(product, { signal }),
  }
}
