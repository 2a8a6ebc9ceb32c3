// Modules are plain classes that hold parameters and other modules. A parameter's checkpoint name is its property
// path (`trunk.blocks.0.attn.qkv.weight`), so properties that hold parameters keep PyTorch's snake_case names.

import { CheckpointError } from '../errors.ts'
import { Random } from '../random.ts'
import type { Tensor } from '../tf.ts'
import type { PackedFormat, PackedValues } from './packing.ts'
import { Parameter } from './parameter.ts'

/** Named arrays to load from, read one at a time: an open checkpoint, or `stateDictSource` over values in memory. */
export interface StateSource {
  names(): Iterable<string>
  shape(name: string): readonly number[]
  /** The tensor as float32 values, row-major. The caller owns the array. */
  read(name: string): Promise<Float32Array>
  /** The tensor as it is stored, where it is stored in this format. */
  readPacked?(name: string, format: PackedFormat): Promise<PackedValues | null>
}

export interface LoadOptions {
  /** Names in the source that the model has no place for and that are no mistake. */
  ignore?: (name: string) => boolean
  signal?: AbortSignal
  onProgress?: (progress: { name: string; loaded: number; total: number }) => void
}

export abstract class Module {
  /** Every parameter below this module with its path, in the order in which the properties were set. */
  *namedParameters(prefix = ''): Generator<[string, Parameter]> {
    yield* walk(this, prefix)
  }

  get parameterCount(): number {
    let count = 0
    for (const [, parameter] of this.namedParameters()) count += parameter.size
    return count
  }

  /** Bytes of all parameters in memory, whether they have values yet or not. */
  get byteLength(): number {
    let bytes = 0
    for (const [, parameter] of this.namedParameters()) bytes += parameter.byteLength
    return bytes
  }

  /** Fresh values for every parameter. Each draws from its own stream (seed and name), so that adding a layer changes no other. */
  initialize(seed: number): void {
    for (const [name, parameter] of this.namedParameters())
      parameter.initialize(new Random(seed ^ hash(name)))
  }

  /** The parameters' own tensors by name; they still belong to the module. */
  stateDict(prefix = ''): Record<string, Tensor> {
    return Object.fromEntries([...this.namedParameters(prefix)].map(([name, p]) => [name, p.value]))
  }

  /**
   * Loads every parameter. Names are compared first, and all missing, unexpected and mis-shaped ones are listed at once
   * in a CheckpointError, before anything changes; a tensor that holds NaN or infinity is an error that names it.
   */
  async loadStateDict(source: StateSource, options: LoadOptions = {}): Promise<void> {
    const parameters = [...this.namedParameters()]
    compareNames(parameters, source, options.ignore)
    const total = parameters.reduce((sum, [, p]) => sum + p.size, 0)
    let loaded = 0
    for (const [name, parameter] of parameters) {
      options.signal?.throwIfAborted()
      await parameter.load(source, name)
      loaded += parameter.size
      options.onProgress?.({ name, loaded, total })
    }
  }

  dispose(): void {
    for (const [, parameter] of this.namedParameters()) parameter.dispose()
  }
}

/** A state source over values in memory: tensors, or arrays with shapes. */
export function stateDictSource(
  values: Record<string, Tensor | { shape: readonly number[]; values: Float32Array }>,
): StateSource {
  const get = (name: string) => values[name]!
  return {
    names: () => Object.keys(values),
    shape: (name) => get(name).shape,
    async read(name) {
      const entry = get(name)
      return 'values' in entry ? entry.values.slice() : ((await entry.data()) as Float32Array).slice()
    },
  }
}

function* walk(value: unknown, path: string): Generator<[string, Parameter]> {
  if (value instanceof Parameter) yield [path, value]
  else if (value instanceof Module || Array.isArray(value)) {
    for (const [key, child] of Object.entries(value)) {
      if (typeof child === 'object' && child !== null) yield* walk(child, path ? `${path}.${key}` : key)
    }
  }
}

function compareNames(
  parameters: [string, Parameter][],
  source: StateSource,
  ignore: (name: string) => boolean = () => false,
): void {
  const wanted = new Map(parameters)
  const present = new Set(source.names())
  const missing = [...wanted.keys()].filter((name) => !present.has(name))
  const unexpected = [...present].filter((name) => !wanted.has(name) && !ignore(name))
  const misshaped = [...wanted]
    .filter(([name]) => present.has(name))
    .map(([name, p]) => ({ name, wanted: p.shape, got: source.shape(name) }))
    .filter(({ wanted, got }) => wanted.length !== got.length || wanted.some((n, i) => n !== got[i]))
  if (missing.length + unexpected.length + misshaped.length === 0) return
  throw new CheckpointError(
    [
      'the checkpoint does not fit this model:',
      ...missing.map((name) => `  missing: ${name}`),
      ...unexpected.map((name) => `  unexpected: ${name}`),
      ...misshaped.map(
        ({ name, wanted, got }) => `  wrong shape: ${name} is [${got}], the model wants [${wanted}]`,
      ),
      'check that config.json belongs to these weights',
    ].join('\n'),
  )
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h
}
