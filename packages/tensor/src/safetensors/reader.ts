// Lazy reading of one safetensors file: the header first, each tensor's bytes when it is asked for.
// Format: https://github.com/huggingface/safetensors#format

import { CheckpointError, InvalidArgumentError, ResourceError } from '../errors.ts'
import { allocateBytes, type ByteSource, bytesSource, readIntoFrom } from './byte-source.ts'
import { dtypeBytes, type SafetensorsArray, type SafetensorsDtype, typedView } from './dtypes.ts'
import { decodeBfloat16, decodeFloat16 } from './half.ts'
import { parseHeader, parseHeaderLength, type SafetensorsHeader, type StoredTensorInfo } from './header.ts'
import { shorten } from './json.ts'

/** Elements decoded at a time, so that a half-precision tensor never needs a second full copy (4 MiB of F16). */
const decodeChunk = 2 ** 21

export interface ReadFloat32Options {
  /** Supplies the array to fill, e.g. a 64-byte-aligned one; called once with the number of elements. */
  allocate?: (length: number) => Float32Array
  signal?: AbortSignal
}

/** An open safetensors file. Every method that names a tensor throws `CheckpointError` when it isn't there. */
export class SafetensorsFile {
  readonly source: ByteSource
  readonly metadata: Readonly<Record<string, string>>
  readonly #tensors: SafetensorsHeader['tensors']
  readonly #dataStart: number

  constructor(source: ByteSource, header: SafetensorsHeader, dataStart: number) {
    this.source = source
    this.metadata = header.metadata
    this.#tensors = header.tensors
    this.#dataStart = dataStart
  }

  /** All tensor names, in the order of their data. */
  names(): string[] {
    return [...this.#tensors.keys()]
  }

  has(name: string): boolean {
    return this.#tensors.has(name)
  }

  /** Type, shape and size in bytes. */
  info(name: string): StoredTensorInfo {
    const { dtype, shape, byteLength } = this.#placed(name)
    return { dtype, shape, byteLength }
  }

  /** The tensor's bytes as they lie in the file (little-endian). */
  async read(name: string, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const { start, byteLength } = this.#placed(name)
    const bytes = allocateBytes(byteLength, `tensor ${JSON.stringify(name)} of ${this.source.name}`)
    await readIntoFrom(this.source, bytes, this.#dataStart + start, signal)
    return bytes
  }

  /** The tensor as a typed array: F16 and BF16 as 16-bit patterns, I64 as bigints, C64 as (real, imaginary) pairs. */
  async readTyped(name: string, signal?: AbortSignal): Promise<SafetensorsArray> {
    return typedView(this.#placed(name).dtype, await this.read(name, signal))
  }

  /**
   * The tensor as float32. F32 bytes go straight into the array; narrower ones are decoded through a buffer of a few MiB.
   * Integers and booleans become numbers (beyond 2^24 rounded); F64 is rounded. F8 and complex types are refused.
   */
  async readFloat32(name: string, { allocate, signal }: ReadFloat32Options = {}): Promise<Float32Array> {
    const { dtype, start, byteLength } = this.#placed(name)
    const label = `tensor ${JSON.stringify(shorten(name))} of ${this.source.name}`
    const length = byteLength / dtypeBytes(dtype)
    const decode = dtype === 'F32' ? undefined : decoder(dtype, label)
    const target = allocateFloat32(length, label, allocate)
    const position = this.#dataStart + start
    if (!decode) {
      const bytes = new Uint8Array(target.buffer, target.byteOffset, byteLength)
      await readIntoFrom(this.source, bytes, position, signal)
      return target
    }
    const size = dtypeBytes(dtype)
    for (let done = 0; done < length; done += decodeChunk) {
      signal?.throwIfAborted()
      const stop = Math.min(done + decodeChunk, length)
      const bytes = await this.source.read(position + done * size, position + stop * size, signal)
      decode(typedView(dtype, bytes), target.subarray(done, stop))
    }
    return target
  }

  /** Lets go of the source. */
  async close(): Promise<void> {
    await this.source.close?.()
  }

  #placed(name: string) {
    const placed = this.#tensors.get(name)
    if (placed) return placed
    throw new CheckpointError(
      `${this.source.name} holds no tensor ${JSON.stringify(shorten(name))} among its ${this.#tensors.size}; names() lists them`,
    )
  }
}

/**
 * Reads and checks the header; tensors are read later. Throws `CheckpointError` for a malformed file and
 * `ResourceError` when the source can't be read; the source is closed in both cases.
 */
export async function openSafetensors(
  source: ByteSource | ArrayBuffer | Uint8Array,
  { signal }: { signal?: AbortSignal } = {},
): Promise<SafetensorsFile> {
  const bytes = source instanceof ArrayBuffer || source instanceof Uint8Array ? bytesSource(source) : source
  try {
    const size = await bytes.size(signal)
    const prefix = await bytes.read(0, Math.min(8, size), signal)
    const headerBytes = parseHeaderLength(prefix, size, bytes.name)
    const dataStart = 8 + headerBytes
    const header = parseHeader(await bytes.read(8, dataStart, signal), size - dataStart, bytes.name)
    return new SafetensorsFile(bytes, header, dataStart)
  } catch (error) {
    await bytes.close?.()
    throw error
  }
}

function allocateFloat32(
  length: number,
  label: string,
  allocate?: (length: number) => Float32Array,
): Float32Array {
  if (!allocate) return new Float32Array(allocateBytes(length * 4, label).buffer)
  let target: Float32Array
  try {
    target = allocate(length)
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new ResourceError(`Not enough memory for the ${length * 4} bytes of ${label}`, { cause })
  }
  if (target.length !== length) {
    throw new InvalidArgumentError(
      `allocate gave ${target.length} elements for ${label}, which needs ${length}`,
    )
  }
  return target
}

/** How to turn elements of a dtype into float32. */
function decoder(
  dtype: SafetensorsDtype,
  label: string,
): (source: SafetensorsArray, target: Float32Array) => void {
  switch (dtype) {
    case 'F16':
      return (source, target) => decodeFloat16(source as Uint16Array, target)
    case 'BF16':
      return (source, target) => decodeBfloat16(source as Uint16Array, target)
    case 'I64':
    case 'U64':
      return (source, target) => {
        for (let i = 0; i < target.length; i++) target[i] = Number(source[i])
      }
    case 'F8_E4M3':
    case 'F8_E5M2':
    case 'C64':
      throw new CheckpointError(
        `${label} is ${dtype}, which can't be read as float32; read() gives its bytes`,
      )
    default:
      return (source, target) => target.set(source as Float64Array | Int32Array)
  }
}
