// What holds a VILA-HD together beyond its three parts, and how it looks when nobody says otherwise.

/** When the closer look is chosen: by the question, or by the picture alone. VILA's `look_close_mode`. */
export type LookMode = 'after-prompt' | 'after-image'

export interface VilaHdConfig {
  /** Whose output the connector reads, counted from the last block: -1 is the last, -2 the one before it. */
  selectLayer: number
  /** The token id that stands for a picture. */
  imageTokenId: number
  /** Token ids that follow every picture's tokens: VILA's "\n". */
  pictureEndIds: readonly number[]
  /** Token ids that the chat template writes after a question: the state before them steers the closer look. */
  promptEndIds: readonly number[]
  lookMode: LookMode
  /** Closer looks at each picture, each of the encoder's whole budget, unless `tokens` says otherwise. */
  looks: number
  /** Patches in all for each picture, in place of `looks`. */
  tokens: number | null
  /** Leave the finest scale out for pictures that are not large enough for it. */
  dynamicAspectRatio: boolean
}
