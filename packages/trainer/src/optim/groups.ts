// Which parameters train, how fast, and which shrink: the recipe of PS3 and open_clip.

import { type PS3Encoder, toCheckpointName } from '@ps3js/ps3-encoder'
import { InvalidArgumentError, type Parameter } from '@ps3js/tensor'

export interface ParameterGroup {
  /** By property path, as `namedParameters` gives them. */
  parameters: ReadonlyMap<string, Parameter>
  weightDecay: number
  /** Times the schedule's learning rate. */
  rateFactor: number
}

export interface GroupOptions {
  weightDecay: number
  /** Learning rate of the selection head relative to the rest (default 1). */
  selectionRateFactor?: number
  /** Parameters that stay as they are, by checkpoint name or property path; `*` stands for anything. */
  freeze?: readonly string[]
}

/** Names that never decay, whatever their shape. */
const NO_DECAY = /bn|ln|bias|logit_scale/

/** Whether weight decay applies: to matrices and tables, but no vectors, norms, biases or the logit scale. */
export function decays(checkpointName: string, parameter: Parameter): boolean {
  return parameter.shape.length >= 2 && !NO_DECAY.test(checkpointName)
}

/** All trainable parameters in groups of one decay and one rate. Throws InvalidArgumentError for a pattern without effect. */
export function parameterGroups(encoder: PS3Encoder, options: GroupOptions): ParameterGroup[] {
  const { weightDecay, selectionRateFactor = 1, freeze } = options
  return groupParameters(encoder.namedParameters(), {
    freeze,
    nameOf: toCheckpointName,
    weightDecay: (path, parameter) => (decays(toCheckpointName(path), parameter) ? weightDecay : 0),
    rateFactor: (path) => (isSelection(path) ? selectionRateFactor : 1),
  })
}

/** `parameterGroups` for any model. */
export function groupParameters(
  named: Iterable<[string, Parameter]>,
  {
    freeze = [],
    nameOf = (path) => path,
    weightDecay,
    rateFactor,
  }: {
    freeze?: readonly string[] | undefined
    /** Another name that `freeze` knows a parameter by. */
    nameOf?: (path: string) => string
    weightDecay: (path: string, parameter: Parameter) => number
    rateFactor: (path: string) => number
  },
): ParameterGroup[] {
  const groups = new Map<
    string,
    { parameters: Map<string, Parameter>; weightDecay: number; rateFactor: number }
  >()
  const used = new Set<string>()
  for (const [path, parameter] of named) {
    const frozenBy = freeze.filter((pattern) => [nameOf(path), path].some(matcher(pattern)))
    for (const pattern of frozenBy) used.add(pattern)
    if (frozenBy.length > 0) continue
    const rates = { weightDecay: weightDecay(path, parameter), rateFactor: rateFactor(path) }
    const key = `${rates.weightDecay} ${rates.rateFactor}`
    const group = groups.get(key) ?? { parameters: new Map(), ...rates }
    group.parameters.set(path, parameter)
    groups.set(key, group)
  }
  const idle = freeze.filter((pattern) => !used.has(pattern))
  if (idle.length > 0) {
    throw new InvalidArgumentError(
      `no parameter is named like ${idle.map((p) => `"${p}"`).join(', ')}: \`ps3 info\` lists the names`,
    )
  }
  return [...groups.values()]
}

/** The selection head, and the text tower's projection of prompts for it. */
const isSelection = (path: string) =>
  path.startsWith('vision_model.selector.') || path.startsWith('text_model.prompt_proj.')

function matcher(pattern: string): (name: string) => boolean {
  const source = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  const whole = new RegExp(`^${source.join('.*')}$`)
  return (name) => whole.test(name)
}
