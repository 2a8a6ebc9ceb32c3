// @ps3js/data-synth: synthetic high-resolution scenes and documents with exact boxes, captions and texts.

export {}
