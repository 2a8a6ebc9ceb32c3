// Reading and checking the header of a safetensors file: nothing in it is believed before it is proved.
// The rules are those of the Rust library (safetensors/src/tensor.rs); names that come twice are refused as its format text asks.

import { CheckpointError } from '../errors.ts'
import { dtypeBytes, dtypeNames, elementCount, isSafetensorsDtype, type SafetensorsDtype } from './dtypes.ts'
import { JsonNumber, type JsonObject, type JsonValue, parseStrictJson, shorten } from './json.ts'

/** Largest header that any reader of the format accepts, in bytes. */
export const maxHeaderBytes = 100_000_000

/** What a file says about one tensor. `byteLength` is the size of its data in the file. */
export interface StoredTensorInfo {
  readonly dtype: SafetensorsDtype
  readonly shape: readonly number[]
  readonly byteLength: number
}

/** A tensor's place: offsets in bytes from the start of the data (behind the header). */
export interface PlacedTensor extends StoredTensorInfo {
  readonly start: number
  readonly end: number
}

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>
  /** In the order of their data. */
  readonly tensors: ReadonlyMap<string, PlacedTensor>
}

/** The header's length from the first 8 bytes of a file of `fileBytes` bytes. */
export function parseHeaderLength(prefix: Uint8Array, fileBytes: number, file: string): number {
  const advice = 'this is not a whole safetensors file; download or write it again'
  if (fileBytes < 8 || prefix.length < 8) {
    throw new CheckpointError(
      `${file}: a safetensors file starts with 8 bytes, this one has ${fileBytes}; ${advice}`,
    )
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true)
  if (length > BigInt(maxHeaderBytes)) {
    throw new CheckpointError(
      `${file}: its header claims ${length} bytes, at most ${maxHeaderBytes} are allowed; ${advice}`,
    )
  }
  if (length > BigInt(fileBytes - 8)) {
    throw new CheckpointError(
      `${file}: its header claims ${length} bytes but only ${fileBytes - 8} follow; ${advice}`,
    )
  }
  return Number(length)
}

/** Checks a header against the number of data bytes that follow it. Throws `CheckpointError`. */
export function parseHeader(bytes: Uint8Array, dataBytes: number, file: string): SafetensorsHeader {
  const fields = parseFields(bytes, file)
  let metadata: Record<string, string> = {}
  const placed: [string, PlacedTensor][] = []
  for (const [name, value] of fields) {
    if (name === '__metadata__') metadata = parseMetadata(value, file)
    else placed.push([name, parseTensor(name, value, file)])
  }
  placed.sort(([, a], [, b]) => a.start - b.start || a.end - b.end)
  checkCoverage(placed, dataBytes, file)
  return { metadata, tensors: new Map(placed) }
}

function parseFields(bytes: Uint8Array, file: string): JsonObject {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new CheckpointError(`${file}: its header of ${bytes.length} bytes is not UTF-8 text`, { cause })
  }
  let value: JsonValue
  try {
    value = parseStrictJson(text)
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause)
    throw new CheckpointError(`${file}: its header is not valid JSON: ${problem}`, { cause })
  }
  if (!(value instanceof Map)) throw new CheckpointError(`${file}: its header is not a JSON object`)
  return value
}

function parseMetadata(value: JsonValue, file: string): Record<string, string> {
  if (value === null) return {}
  if (!(value instanceof Map)) throw new CheckpointError(`${file}: __metadata__ must map strings to strings`)
  const entries: [string, string][] = []
  for (const [key, text] of value) {
    if (typeof text !== 'string') {
      throw new CheckpointError(
        `${file}: __metadata__ must map strings to strings, but ${JSON.stringify(shorten(key))} holds ${describe(text)}`,
      )
    }
    entries.push([key, text])
  }
  return Object.fromEntries(entries)
}

function parseTensor(name: string, value: JsonValue, file: string): PlacedTensor {
  const where = `${file}: tensor ${JSON.stringify(shorten(name))}`
  if (!(value instanceof Map)) {
    throw new CheckpointError(
      `${where} must be an object with dtype, shape and data_offsets, not ${describe(value)}`,
    )
  }
  const dtype = value.get('dtype')
  if (typeof dtype !== 'string' || !isSafetensorsDtype(dtype)) {
    throw new CheckpointError(`${where} has dtype ${describe(dtype)}; known are ${dtypeNames()}`)
  }
  const shape = parseIntegers(value.get('shape'), `${where}: shape`)
  const offsets = parseIntegers(value.get('data_offsets'), `${where}: data_offsets`)
  const [start, end] = offsets
  if (offsets.length !== 2 || start === undefined || end === undefined) {
    throw new CheckpointError(`${where}: data_offsets must hold 2 numbers, not ${offsets.length}`)
  }
  if (end < start)
    throw new CheckpointError(`${where}: its data ends at ${end}, before it starts at ${start}`)
  const count = elementCount(shape)
  const expected = count === undefined ? undefined : count * dtypeBytes(dtype)
  if (expected === undefined || expected > Number.MAX_SAFE_INTEGER) {
    throw new CheckpointError(`${where}: shape [${shortList(shape)}] has more elements than can be counted`)
  }
  if (expected !== end - start) {
    throw new CheckpointError(
      `${where}: ${dtype} of shape [${shortList(shape)}] takes ${expected} bytes, but data_offsets gives it ${end - start}`,
    )
  }
  return { dtype, shape, byteLength: expected, start, end }
}

function parseIntegers(value: JsonValue | undefined, what: string): number[] {
  if (!Array.isArray(value))
    throw new CheckpointError(`${what} must be a list of numbers, not ${describe(value)}`)
  return value.map((item) => {
    const integer = item instanceof JsonNumber ? item.unsigned : undefined
    if (integer === undefined) {
      throw new CheckpointError(`${what} must hold whole numbers from 0 to 2^53 - 1, not ${describe(item)}`)
    }
    return integer
  })
}

/** Every data byte belongs to exactly one tensor: no overlap, no hole, nothing behind, nothing missing. */
function checkCoverage(placed: readonly [string, PlacedTensor][], dataBytes: number, file: string): void {
  let covered = 0
  let previous = 'the header'
  for (const [name, { start, end }] of placed) {
    const label = `tensor ${JSON.stringify(shorten(name))}`
    if (start !== covered) {
      const kind = start < covered ? 'overlaps with' : 'leaves a hole behind'
      throw new CheckpointError(
        `${file}: ${label} starts at byte ${start} of the data and so ${kind} ${previous}, which ends at ${covered}`,
      )
    }
    if (end > dataBytes) {
      throw new CheckpointError(
        `${file}: ${label} ends at byte ${end} of the data, but the file holds ${dataBytes}; it was cut short: download or write it again`,
      )
    }
    covered = end
    previous = label
  }
  if (covered !== dataBytes) {
    throw new CheckpointError(
      `${file}: its tensors cover ${covered} bytes, but the file holds ${dataBytes}: ${dataBytes - covered} bytes at the end belong to nothing`,
    )
  }
}

function describe(value: JsonValue | undefined): string {
  if (value === undefined) return 'nothing'
  if (value instanceof JsonNumber) return shorten(value.text, 40)
  if (Array.isArray(value)) return 'a list'
  if (value instanceof Map) return 'an object'
  return shorten(JSON.stringify(value), 60)
}

function shortList(values: readonly number[]): string {
  return values.length <= 8 ? values.join(', ') : `${values.slice(0, 8).join(', ')}, …`
}
