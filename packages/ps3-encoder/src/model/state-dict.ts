// Names of tensors: the released layout (Hugging Face) on one side, our property paths and OpenCLIP's training
// checkpoints on the other. Every mapping is reversible.

import type { StateSource } from '@ps3js/tensor'

/** The selection head has a module of its own here; the checkpoints keep its parameters beside the trunk. */
const SELECTOR_PARTS = [
  'selection_feature_proj.',
  'prior_prompt',
  'highres_selection_feature_module.',
  'prompt_proj_for_highres.',
]

/** `vision_model.prior_prompt` -> `vision_model.selector.prior_prompt`; other names stay. */
export function toPropertyPath(name: string): string {
  const rest = afterPrefix(name, 'vision_model.')
  return rest !== null && SELECTOR_PARTS.some((part) => rest.startsWith(part))
    ? `vision_model.selector.${rest}`
    : name
}

/** The reverse of `toPropertyPath`. */
export function toCheckpointName(path: string): string {
  const rest = afterPrefix(path, 'vision_model.selector.')
  return rest === null ? path : `vision_model.${rest}`
}

/** OpenCLIP's training names to the released ones: `visual.`, `text.` and a top-level `prompt_proj.`. */
export function fromOpenClip(name: string): string {
  const visual = afterPrefix(name, 'visual.')
  if (visual !== null) return `vision_model.${visual}`
  const text = afterPrefix(name, 'text.')
  if (text !== null) return `text_model.${text}`
  return name.startsWith('prompt_proj.') ? `text_model.${name}` : name
}

/** The reverse of `fromOpenClip`. */
export function toOpenClip(name: string): string {
  const visual = afterPrefix(name, 'vision_model.')
  if (visual !== null) return `visual.${visual}`
  const text = afterPrefix(name, 'text_model.')
  if (text === null) return name
  return text.startsWith('prompt_proj.') ? text : `text.${text}`
}

/** Whether these are the names of an OpenCLIP training checkpoint (with or without DistributedDataParallel's `module.`). */
export function isOpenClip(names: Iterable<string>): boolean {
  for (const name of names) if (withoutModule(name).startsWith('visual.')) return true
  return false
}

/** A view of a checkpoint, in either layout, under this package's property paths. */
export function renamedSource(source: StateSource): StateSource {
  const openClip = isOpenClip(source.names())
  const original = new Map<string, string>()
  for (const name of source.names()) {
    original.set(toPropertyPath(openClip ? fromOpenClip(withoutModule(name)) : name), name)
  }
  return {
    names: () => original.keys(),
    shape: (path) => source.shape(original.get(path)!),
    read: (path) => source.read(original.get(path)!),
  }
}

const withoutModule = (name: string) => afterPrefix(name, 'module.') ?? name

function afterPrefix(name: string, prefix: string): string | null {
  return name.startsWith(prefix) ? name.slice(prefix.length) : null
}
