// @ps3js/patch-selector: where a picture deserves a closer look. Scoring (learned) and choice (pure functions) stand alone.

export * from './choice/index.ts'
export * from './scoring/index.ts'
