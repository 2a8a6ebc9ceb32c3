// From the features of a block of patches to one token of the language model (VILA's base_projector).

import { LayerNorm, Linear, type Module, type Tensor, tidy } from '@ps3js/tensor'
import type { ProjectorForm } from './config.ts'

/** torch.nn.LayerNorm's own default. */
const EPS = 1e-5

/**
 * The layers of a projector under their names in VILA's checkpoints: those of a torch.nn.Sequential, in which merging and
 * GELU have a place but no weights. A single linear layer stands for itself.
 */
export function projectorLayers({ block, widths, norms, numbered }: ProjectorForm): Linear | Module[] {
  const last = widths.length - 2
  if (!numbered) return new Linear(widths[0]!, widths[1]!)
  // Holes stay holes: only what has weights is listed.
  const layers: Module[] = []
  let place = block > 1 ? 1 : 0
  for (let i = 0; i <= last; i++) {
    if (norms && i < last) layers[place++] = new LayerNorm(widths[i]!, EPS)
    layers[place] = new Linear(widths[i]!, widths[i + 1]!)
    place += 2
  }
  return layers
}

/** Runs them, with GELU after every linear layer but the last: [R, widths[0]] -> [R, hidden] */
export function project(layers: Linear | readonly Module[], x: Tensor): Tensor {
  if (layers instanceof Linear) return layers.forward(x)
  const present = layers.filter((layer) => layer instanceof Linear || layer instanceof LayerNorm)
  if (present.length === 0) return x.clone()
  return tidy(() =>
    present.reduce((h: Tensor, layer, i) => {
      if (layer instanceof LayerNorm || i === present.length - 1) return layer.forward(h)
      return layer.forwardGelu(h)
    }, x),
  )
}
