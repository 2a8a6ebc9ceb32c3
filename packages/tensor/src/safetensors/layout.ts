// The exact bytes of a safetensors file before any is written: order, offsets and header as the Python library makes them.
// Order: dtype (widest alignment first), then name; compact JSON, metadata first, padded with spaces to 8 bytes.

import { InvalidArgumentError } from '../errors.ts'
import {
  compareNames,
  dtypeBytes,
  dtypeRank,
  elementCount,
  type FloatDtype,
  isFloatDtype,
  isSafetensorsDtype,
  type SafetensorsDtype,
  typedView,
} from './dtypes.ts'
import { decodeBfloat16, decodeFloat16, encodeBfloat16, encodeFloat16, requireFloat16Range } from './half.ts'
import { maxHeaderBytes } from './header.ts'
import { shorten } from './json.ts'

/** Little-endian elements, or a function that fetches them when their turn comes (so that a model never sits in memory twice). */
export type TensorContent = ArrayBufferView | (() => ArrayBufferView | Promise<ArrayBufferView>)

/**
 * A tensor to write. `data` holds `shape`'s elements in `dtype`; for F16 and BF16 a `Float32Array` is taken too and
 * rounded to nearest even.
 */
export interface TensorToWrite {
  dtype: SafetensorsDtype
  shape: readonly number[]
  data: TensorContent
}

export type TensorsToWrite =
  | Readonly<Record<string, TensorToWrite>>
  | Iterable<readonly [name: string, tensor: TensorToWrite]>

export interface LayoutOptions {
  /** Written as `__metadata__`, in the given order. The usual entry is `{ format: 'pt' }`. */
  metadata?: Readonly<Record<string, string>>
  /** Stores all floating-point tensors in this type; others keep theirs. */
  dtype?: Exclude<FloatDtype, 'F64'>
}

export interface LayoutEntry {
  name: string
  from: SafetensorsDtype
  to: SafetensorsDtype
  elements: number
  data: TensorContent
}

export interface SafetensorsLayout {
  /** The 8-byte length and the padded JSON. */
  header: Uint8Array<ArrayBuffer>
  entries: LayoutEntry[]
  /** Size of the whole file in bytes. */
  totalBytes: number
}

/** Elements converted at a time. */
const convertChunk = 2 ** 20

/** Name and tensor pairs of either form, checked. */
export function tensorEntries(tensors: TensorsToWrite): [string, TensorToWrite][] {
  const isIterable = Symbol.iterator in tensors
  const entries = isIterable
    ? [...(tensors as Iterable<readonly [string, TensorToWrite]>)].map(([n, t]): [string, TensorToWrite] => [
        n,
        t,
      ])
    : Object.entries(tensors as Record<string, TensorToWrite>)
  const seen = new Set<string>()
  for (const [name, tensor] of entries) {
    if (seen.has(name))
      throw new InvalidArgumentError(`Two tensors are named ${JSON.stringify(shorten(name))}`)
    seen.add(name)
    checkTensor(name, tensor)
  }
  return entries
}

function checkTensor(name: string, { dtype, shape }: TensorToWrite): void {
  const label = `tensor ${JSON.stringify(shorten(name))}`
  if (name === '__metadata__')
    throw new InvalidArgumentError('A tensor can\'t be named "__metadata__": it is reserved')
  if (/\p{Surrogate}/u.test(name)) throw new InvalidArgumentError(`${label}: its name is not valid Unicode`)
  if (!isSafetensorsDtype(dtype))
    throw new InvalidArgumentError(`${label} has unknown dtype ${String(dtype)}`)
  const count = shape.every((size) => Number.isSafeInteger(size) && size >= 0)
    ? elementCount(shape)
    : undefined
  if (count === undefined || count * dtypeBytes(dtype) > Number.MAX_SAFE_INTEGER) {
    throw new InvalidArgumentError(`${label} has the impossible shape [${shape.join(', ')}]`)
  }
}

/** The type a tensor is stored in when floating-point ones are asked to be `dtype`. */
export function storedDtype(tensor: TensorToWrite, dtype: LayoutOptions['dtype']): SafetensorsDtype {
  return dtype && isFloatDtype(tensor.dtype) ? dtype : tensor.dtype
}

/** Bytes a tensor takes in the file. */
export function storedBytes(tensor: TensorToWrite, dtype: LayoutOptions['dtype']): number {
  return elementCount(tensor.shape)! * dtypeBytes(storedDtype(tensor, dtype))
}

/** Plans a file. Throws `InvalidArgumentError` for names, shapes or metadata that can't be written. */
export function planLayout(
  tensors: TensorsToWrite,
  { metadata, dtype }: LayoutOptions = {},
): SafetensorsLayout {
  const sorted = tensorEntries(tensors)
    .map(([name, tensor]) => ({ name, tensor, to: storedDtype(tensor, dtype) }))
    .sort((a, b) => dtypeRank(a.to) - dtypeRank(b.to) || compareNames(a.name, b.name))
  const parts: string[] = []
  if (metadata) parts.push(`"__metadata__":${metadataJson(metadata)}`)
  const entries: LayoutEntry[] = []
  let offset = 0
  for (const { name, tensor, to } of sorted) {
    const elements = elementCount(tensor.shape)!
    const end = offset + elements * dtypeBytes(to)
    parts.push(
      `${JSON.stringify(name)}:{"dtype":"${to}","shape":[${tensor.shape.join(',')}],"data_offsets":[${offset},${end}]}`,
    )
    entries.push({ name, from: tensor.dtype, to, elements, data: tensor.data })
    offset = end
  }
  const json = new TextEncoder().encode(`{${parts.join(',')}}`)
  const padded = Math.ceil(json.length / 8) * 8
  if (padded > maxHeaderBytes) {
    throw new InvalidArgumentError(
      `The header would take ${padded} bytes; readers accept at most ${maxHeaderBytes}`,
    )
  }
  const header = new Uint8Array(8 + padded).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true)
  header.set(json, 8)
  return { header, entries, totalBytes: header.length + offset }
}

/** The stored bytes of one tensor, in pieces. */
export function* encodeTensor(entry: LayoutEntry, view: ArrayBufferView): Generator<Uint8Array> {
  const { name, from, to, elements } = entry
  const label = `tensor ${JSON.stringify(shorten(name))}`
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
  const isFloat32 =
    view instanceof Float32Array && view.length === elements && (from === 'F16' || from === 'BF16')
  const source = isFloat32 ? 'F32' : from
  const expected = elements * dtypeBytes(source)
  if (bytes.length !== expected) {
    throw new InvalidArgumentError(
      `${label}: ${elements} elements of ${from} take ${expected} bytes, but its data has ${bytes.length}`,
    )
  }
  if (source === to) {
    yield bytes
    return
  }
  const size = dtypeBytes(source)
  const floats = new Float32Array(Math.min(convertChunk, elements))
  for (let done = 0; done < elements; done += convertChunk) {
    const stop = Math.min(done + convertChunk, elements)
    const piece = floats.subarray(0, stop - done)
    const input = typedView(source, bytes.slice(done * size, stop * size))
    if (source === 'F16') decodeFloat16(input as Uint16Array, piece)
    else if (source === 'BF16') decodeBfloat16(input as Uint16Array, piece)
    else piece.set(input as Float32Array | Float64Array)
    if (to === 'F32') {
      yield new Uint8Array(piece.slice().buffer)
      continue
    }
    const output = new Uint16Array(piece.length)
    if (to === 'F16') {
      requireFloat16Range(piece, label)
      encodeFloat16(piece, output)
    }
    if (to === 'BF16') encodeBfloat16(piece, output)
    yield new Uint8Array(output.buffer)
  }
}

function metadataJson(metadata: Readonly<Record<string, string>>): string {
  const parts = Object.entries(metadata).map(([key, value]) => {
    if (typeof value !== 'string' || /\p{Surrogate}/u.test(key + value)) {
      throw new InvalidArgumentError(
        `metadata ${JSON.stringify(shorten(key))} must be a string of valid Unicode`,
      )
    }
    return `${JSON.stringify(key)}:${JSON.stringify(value)}`
  })
  return `{${parts.join(',')}}`
}
