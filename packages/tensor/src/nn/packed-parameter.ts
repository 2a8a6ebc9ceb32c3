// A matrix of weights that stays packed: it takes a half to an eighth of float32's memory, and native TensorFlow computes
// from it. Elsewhere its rows become float32 in blocks, each time they are needed. It cannot be trained.

import { customGrad } from '@tensorflow/tfjs-core'
import { CheckpointError, InvalidArgumentError } from '../errors.ts'
import { checkShape } from '../ops/check.ts'
import { FEW_ROWS, fusedKernel } from '../ops/kernel.ts'
import {
  add,
  addN,
  concat,
  dispose,
  keep,
  matMul,
  slice,
  sum,
  type Tensor,
  tensor1d,
  tensor2d,
  tidy,
  type Variable,
} from '../tf.ts'
import type { StateSource } from './module.ts'
import {
  PACKED_FORMATS,
  type PackedFormat,
  type PackedValues,
  packedBytes,
  packMatrix,
  unpackRows,
} from './packing.ts'
import { type Initializer, Parameter, type StoredMatrix } from './parameter.ts'

/** Rows are unpacked in blocks of about so many values (32 MiB of float32). */
const BLOCK = 2 ** 23

/** Where the weights are: with the backend, or in plain arrays. */
type Stored = { words: Tensor; scales: Tensor } | { values: PackedValues }

export class PackedParameter extends Parameter {
  readonly format: PackedFormat
  #stored: Stored | undefined

  /** @throws InvalidArgumentError for a format that there is not */
  constructor(rows: number, columns: number, format: PackedFormat, initializer: Initializer) {
    if (!PACKED_FORMATS.includes(format)) {
      throw new InvalidArgumentError(
        `weights cannot be packed as ${format}: there are ${PACKED_FORMATS.join(', ')}`,
      )
    }
    super([rows, columns], initializer)
    this.format = format
  }

  /** Always throws InvalidArgumentError: there is no float32 tensor. */
  override get value(): Variable {
    throw new InvalidArgumentError(
      `weights of shape [${this.shape}] are packed as ${this.format}: load the model in float32 to train or save it`,
    )
  }

  /** Null where they are plain arrays, loaded for a backend without kernels that read them. */
  override stored(): StoredMatrix | null {
    const stored = this.#here()
    return 'words' in stored ? { format: this.format, ...stored } : null
  }

  override get byteLength(): number {
    const [rows, columns] = this.shape as [number, number]
    return packedBytes(rows, columns, this.format)
  }

  override get hasValue(): boolean {
    return this.#stored !== undefined
  }

  /** Rounds float32 values to the format. */
  override set(values: Float32Array | Tensor): void {
    const array = values instanceof Float32Array ? values : (values.dataSync() as Float32Array)
    if (array.length !== this.size) {
      throw new InvalidArgumentError(
        `a parameter of shape [${this.shape}] cannot take ${array.length} values`,
      )
    }
    this.setPacked(packMatrix(array, this.shape[1]!, this.format))
  }

  /** Takes values in this parameter's format as they are. */
  setPacked(values: PackedValues): void {
    this.dispose()
    this.#stored = fusedKernel('PS3PackedRows') ? upload(values) : { values }
  }

  override async load(source: StateSource, name: string): Promise<void> {
    const packed = await source.readPacked?.(name, this.format)
    if (!packed) return super.load(source, name)
    checkPacked(packed, this, name)
    this.setPacked(packed)
  }

  /** x [R, columns], bias [rows] -> x W^T + bias [R, rows]. Differentiable in x and bias. */
  multiply(x: Tensor, bias?: Tensor): Tensor {
    const [rows, columns] = this.shape as [number, number]
    checkShape('multiply', 'x', x, ['R', columns])
    if (bias) checkShape('multiply', 'bias', bias, [rows])
    return customGrad((...args: unknown[]) => {
      const [input, b] = args.slice(0, -1) as [Tensor, Tensor?]
      return {
        value: this.#project(input, b),
        gradFunc: (dy: Tensor) => [this.#projectBack(dy), ...(bias ? [sum(dy, 0)] : [])],
      }
    })(...(bias ? [x, bias] : [x]))
  }

  /** Some rows as float32: [ids.length, columns] */
  rows(ids: Int32Array): Tensor {
    const [rows, columns] = this.shape as [number, number]
    const stored = this.#here()
    if ('values' in stored) {
      return tensor2d(unpackRows(stored.values, columns, this.format, ids), [ids.length, columns])
    }
    return tidy(() =>
      fusedKernel('PS3UnpackRows')!(
        { ...stored, ids: tensor1d(ids, 'int32') },
        { format: this.format, rows, columns },
      ),
    )
  }

  override dispose(): void {
    if (this.#stored && 'words' in this.#stored) dispose([this.#stored.words, this.#stored.scales])
    this.#stored = undefined
  }

  #project(x: Tensor, bias: Tensor | undefined): Tensor {
    const [rows, columns] = this.shape as [number, number]
    const stored = this.#here()
    if ('words' in stored && x.shape[0]! <= FEW_ROWS) {
      const inputs = { x, ...stored, ...(bias && { bias }) }
      return fusedKernel('PS3PackedRows')!(inputs, { format: this.format, rows, columns })
    }
    return tidy(() => {
      const parts = this.#blocks().map((ids) => tidy(() => matMul(x, this.rows(ids), false, true)))
      const y = parts.length === 1 ? parts[0]! : concat(parts, 1)
      return bias ? add(y, bias) : y
    })
  }

  /** dy [R, rows] -> dy W [R, columns] */
  #projectBack(dy: Tensor): Tensor {
    return tidy(() =>
      addN(
        this.#blocks().map((ids) =>
          tidy(() => matMul(slice(dy, [0, ids[0]!], [-1, ids.length]), this.rows(ids))),
        ),
      ),
    )
  }

  /** Row numbers, in blocks. */
  #blocks(): Int32Array[] {
    const [rows, columns] = this.shape as [number, number]
    const size = Math.max(1, Math.floor(BLOCK / columns))
    return Array.from({ length: Math.ceil(rows / size) }, (_, b) =>
      Int32Array.from({ length: Math.min(size, rows - b * size) }, (_, i) => b * size + i),
    )
  }

  #here(): Stored {
    const stored = this.#stored
    if (!stored) {
      throw new InvalidArgumentError(
        `packed weights of shape [${this.shape}] have no values yet: call initialize(random) or loadStateDict(...) on their model first`,
      )
    }
    if ('words' in stored && !fusedKernel('PS3PackedRows')) {
      throw new InvalidArgumentError(
        'these packed weights were loaded for native TensorFlow: call useBackend(...) before the model is loaded',
      )
    }
    return stored
  }
}

function upload({ bytes, scales }: PackedValues): Stored {
  const length = Math.ceil(bytes.length / 4)
  const whole = bytes.byteOffset % 4 === 0 && bytes.length % 4 === 0
  const padded = whole ? bytes : new Uint8Array(length * 4)
  if (!whole) padded.set(bytes)
  const words = keep(tensor1d(new Int32Array(padded.buffer, padded.byteOffset, length), 'int32'))
  return { words, scales: keep(tensor1d(scales ?? new Float32Array(1))) }
}

function checkPacked(
  { bytes, scales }: PackedValues,
  { shape, format }: PackedParameter,
  name: string,
): void {
  const [rows, columns] = shape as [number, number]
  const wanted = packedBytes(rows, columns, format)
  const got = bytes.length + 4 * (scales?.length ?? 0)
  if (got !== wanted) {
    throw new CheckpointError(
      `tensor "${name}" and its scales take ${got} bytes; ${wanted} are needed for [${shape}] as ${format}`,
    )
  }
  const finite = scales
    ? scales.every(Number.isFinite)
    : allHalvesFinite(bytes, format === 'bf16' ? 0x7f80 : 0x7c00)
  if (finite) return
  throw new CheckpointError(
    `tensor "${name}" holds NaN or infinite values: the file is damaged, or its training diverged`,
  )
}

/** Infinities and NaN have all bits of the exponent set. */
function allHalvesFinite(
  { buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>,
  exponent: number,
): boolean {
  const bits = new Uint16Array(buffer, byteOffset, byteLength >> 1)
  for (let i = 0; i < bits.length; i++) if ((bits[i]! & exponent) === exponent) return false
  return true
}
