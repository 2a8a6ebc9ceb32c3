// @ps3js/contrastive-loss: contrastive losses for vision and language, with box supervision of patch selection.

export {}
