// A trainable array. It knows its shape and how to start, but holds no memory until it is initialised or loaded,
// so that a model can be built, counted and shape-checked at full size for nothing.

import { CheckpointError, InvalidArgumentError } from '../errors.ts'
import type { Random } from '../random.ts'
import { dispose, engine, getBackend, reshape, type Tensor, tensor, type Variable, variable } from '../tf.ts'
import { alignedFloat32 } from './aligned.ts'
import type { StateSource } from './module.ts'
import type { PackedFormat } from './packing.ts'

/** Writes starting values into `values`, which arrive as zeros. */
export type Initializer = (values: Float32Array, random: Random) => void

export const zerosInitializer: Initializer = () => {}
export const onesInitializer: Initializer = (values) => void values.fill(1)
export const constantInitializer =
  (value: number): Initializer =>
  (values) =>
    void values.fill(value)
/** Normal with mean 0 and the given standard deviation. */
export const normalInitializer =
  (std: number): Initializer =>
  (values, random) =>
    void random.fillNormal(values, std)

/** Glorot and Bengio's for a matrix: keeps a signal's size at any width, where a fixed deviation vanishes in narrow layers. */
export const xavierInitializer = (inFeatures: number, outFeatures: number): Initializer =>
  normalInitializer(Math.sqrt(2 / (inFeatures + outFeatures)))

/** How a matrix lies with the backend, for kernels that take any format; packed ones come with their factors. */
export interface StoredMatrix {
  format: PackedFormat | 'f32'
  words: Tensor
  scales?: Tensor
}

export class Parameter {
  readonly shape: readonly number[]
  readonly size: number
  readonly initializer: Initializer
  #variable: Variable | undefined

  constructor(shape: readonly number[], initializer: Initializer) {
    this.shape = shape
    this.size = shape.reduce((a, b) => a * b, 1)
    this.initializer = initializer
  }

  /** The tensor itself. Throws InvalidArgumentError while the parameter has neither been initialised nor loaded. */
  get value(): Variable {
    if (!this.#variable) {
      throw new InvalidArgumentError(
        `a parameter of shape [${this.shape}] has no values yet: call initialize(random) or loadStateDict(...) on its model first`,
      )
    }
    return this.#variable
  }

  /** Its values as they lie, null where the backend does not have them. Throws InvalidArgumentError as `value` does. */
  stored(): StoredMatrix | null {
    return { format: 'f32', words: this.value }
  }

  /** Bytes of its values in memory, whether they are there yet or not. */
  get byteLength(): number {
    return this.size * 4
  }

  get hasValue(): boolean {
    return this.#variable !== undefined
  }

  initialize(random: Random): void {
    const values = alignedFloat32(this.size)
    this.initializer(values, random)
    this.set(values)
  }

  /** Takes new values: a Float32Array (which then belongs to the parameter) or a tensor (which is copied). */
  set(values: Float32Array | Tensor): void {
    const length = values instanceof Float32Array ? values.length : values.size
    if (length !== this.size) {
      throw new InvalidArgumentError(`a parameter of shape [${this.shape}] cannot take ${length} values`)
    }
    if (!(values instanceof Float32Array) && values.dtype !== 'float32') {
      throw new InvalidArgumentError(`a parameter holds float32 values, got a tensor of ${values.dtype}`)
    }
    const fresh =
      values instanceof Float32Array
        ? tensor(values, [...this.shape], 'float32')
        : reshape(values, [...this.shape])
    if (this.#variable) this.#variable.assign(fresh)
    else this.#variable = variable(fresh, true)
    // TensorFlow takes the values over lazily: ask for them now, or the first run pays for it.
    if (getBackend() === 'tensorflow') dispose(engine().runKernel('Identity', { x: this.#variable }))
    fresh.dispose()
  }

  /** Takes a checkpoint's values. Throws CheckpointError when one of them is NaN or infinite. */
  async load(source: StateSource, name: string): Promise<void> {
    const values = await source.read(name)
    requireFinite(values, name)
    this.set(values)
  }

  dispose(): void {
    this.#variable?.dispose()
    this.#variable = undefined
  }
}

/** @throws CheckpointError, which names the tensor */
export function requireFinite(values: Float32Array, name: string): void {
  if (allFinite(values)) return
  throw new CheckpointError(
    `tensor "${name}" holds NaN or infinite values: the file is damaged, or its training diverged`,
  )
}

function allFinite(values: Float32Array): boolean {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]! * 0
  return sum === 0
}
