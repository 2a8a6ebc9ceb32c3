// What flows through the pipeline.

/** One sample as it lies in a shard: the encoded picture and its record. */
export interface RawSample {
  /** Unique within a dataset. */
  key: string
  /** Encoded: JPEG, PNG, WebP, ... */
  picture: Uint8Array
  record: {
    /** One caption per box. */
    text?: string[]
    /** [x1, y1, x2, y2] in pixels of the picture. */
    box?: number[][]
    /** A caption of the whole picture. */
    global_text?: string
    /** What kind of picture it is, such as `natural` or `document`. */
    type?: string
  }
}
