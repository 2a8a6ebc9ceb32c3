// What flows through the pipeline: samples as they lie in shards, and as training takes them.

/** A question about a picture. Boxes are [x1, y1, x2, y2] in pixels of it. */
export interface SampleQuestion {
  question: string
  answer: string
  /** What kind of question it is, such as `word` or `count`. */
  kind?: string
  /** Of what is asked about. */
  boxes: number[][]
  /** Where to find that, where it is a part of something. */
  around?: number[][]
  /** Of other things of which the same kind of question has another answer. */
  distractors?: number[][]
  /** The long side, in pixels, that the picture needs for the answer to be told. */
  minResolution?: number
}

/** Captions and boxes as NVlabs/PS3 reads them; other fields are kept and ignored. */
export interface SampleRecord {
  /** One caption per box. */
  text?: string[]
  /** [x1, y1, x2, y2] in pixels of the picture. */
  box?: number[][]
  /** A caption of the whole picture, or several. */
  global_text?: string | string[]
  /** What kind of picture it is, such as `natural` or `document`. */
  type?: string
  /** Ours; the reference ignores it. */
  questions?: SampleQuestion[]
}

/** One sample as it lies in a shard: the encoded picture and its record. */
export interface RawSample {
  /** Unique within a dataset. */
  key: string
  /** Encoded: JPEG, PNG, WebP, ... */
  picture: Uint8Array
  record: SampleRecord
}

/** Values 0 and 1, row-major: where the caption belongs. */
export interface RegionMap {
  readonly height: number
  readonly width: number
  readonly data: Float32Array // [height * width]
}

/** One sample as training takes it: cropped, resized, with one caption. */
export interface TrainingSample {
  key: string
  /** 8-bit RGB, interleaved, square. */
  image: { readonly width: number; readonly height: number; readonly data: Uint8Array }
  /** The chosen boxes in pixels of `image`; empty for a global caption. */
  boxes: number[][]
  caption: string
  /** Whether the caption is of the whole picture; `region` is 1 everywhere then. */
  isGlobalText: boolean
  region: RegionMap
  /** The record's `type`. */
  type?: string
}

/** A sample that was left out, and why. */
export interface SkippedSample {
  key: string
  /** The file that holds it. */
  shard: string
  reason: string
}

/** Where a stream of training samples stands; JSON. Made by `TrainingStream.state()` after any sample. */
export interface PipelineState {
  version: 1
  seed: number
  /** Size of the shuffle buffer. */
  shuffle: number
  /** Number of shards of the dataset. */
  shards: number
  epoch: number
  /** Samples of this epoch that left the shuffle buffer, skipped ones included: numbers each sample's own generator. */
  position: number
  /** Of them, those skipped. */
  skipped: number
  /** Training samples that the next one of them has given already, where pictures give several. */
  given?: number
  /** Where reading goes on: the place in this epoch's order of shards, and samples of that shard already read. */
  shard: number
  offset: number
  /** Of the generator that picks from the shuffle buffer. */
  generator: readonly [number, number, number, number]
  /** The shuffle buffer, slot by slot: shard (in this epoch's order) and offset of each sample, in turn. */
  buffer: number[]
}
