// @ps3js/vila-hd-connector: between a vision encoder that looks closely and a language model.

export {}
