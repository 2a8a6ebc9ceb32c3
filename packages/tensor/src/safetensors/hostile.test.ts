// Files that lie: each must end in a CheckpointError that names the file, and never in a large allocation.
import { describe, expect, it } from 'vitest'
import { CheckpointError } from '../errors.ts'
import { Random } from '../random.ts'
import { type ByteSource, bytesSource } from './byte-source.ts'
import { openSafetensors } from './reader.ts'
import { serializeSafetensors } from './writer.ts'

const encoder = new TextEncoder()

function file(header: string | Uint8Array, data = 0, claimed?: bigint): Uint8Array {
  const json = typeof header === 'string' ? encoder.encode(header) : header
  const bytes = new Uint8Array(8 + json.length + data)
  new DataView(bytes.buffer).setBigUint64(0, claimed ?? BigInt(json.length), true)
  bytes.set(json, 8)
  return bytes
}

const entry = (name: string, dtype: string, shape: string, offsets: string) =>
  `"${name}":{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`
const one = (dtype: string, shape: string, offsets: string) => `{${entry('a', dtype, shape, offsets)}}`

const bad: [what: string, bytes: Uint8Array, message: RegExp][] = [
  ['an empty file', new Uint8Array(0), /starts with 8 bytes, this one has 0/],
  ['7 bytes', new Uint8Array(7), /this one has 7/],
  ['a length of zero', file(''), /not valid JSON: the text ends too early at character 0/],
  ['a length of 2^60', file('{}', 0, 2n ** 60n), /claims 1152921504606846976 bytes, at most 100000000/],
  ['a length of 2^64 - 1', file('{}', 0, 2n ** 64n - 1n), /claims 18446744073709551615 bytes/],
  ['a length above 100 MB', file('{}', 0, 100_000_001n), /claims 100000001 bytes, at most 100000000/],
  ['a length beyond the file', file('{}', 3, 6n), /claims 6 bytes but only 5 follow/],
  ['a web page', encoder.encode('<!DOCTYPE html><html></html>'), /at most 100000000/],
  ['text that is no JSON', file('hello'), /not valid JSON: expected a value at character 0/],
  ['JSON cut short', file('{"a":{"dtype":"F3'), /not valid JSON/],
  ['JSON with a comma too many', file('{},'), /something follows the value at character 2/],
  ['JSON padded with zeros', file('{}\0\0'), /something follows the value/],
  ['single quotes', file("{'a':1}"), /expected a name in quotes/],
  ['a control character in a name', file('{"a\u0001":1}'), /bad character/],
  ['half a surrogate pair', file('{"\\ud800":1}'), /half a surrogate pair/],
  ['very deep nesting', file(`${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`), /nested deeper than 128/],
  ['very deep lists', file(`{"a":${'['.repeat(90000)}`), /nested deeper than 128/],
  ['a byte order mark', file('\ufeff{}'), /not valid JSON/],
  ['bytes that are not UTF-8', file(Uint8Array.of(0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d)), /is not UTF-8/],
  ['a list', file('[]'), /not a JSON object/],
  ['a number', file('12345678'), /not a JSON object/],
  [
    'the same tensor twice',
    file(`{${entry('a', 'U8', '[1]', '[0,1]')},${entry('a', 'U8', '[1]', '[0,1]')}}`, 1),
    /"a" comes twice/,
  ],
  [
    'the same tensor twice, once escaped',
    file(`{${entry('a', 'U8', '[1]', '[0,1]')},${entry('\\u0061', 'U8', '[1]', '[0,1]')}}`, 1),
    /"a" comes twice/,
  ],
  [
    'the same field twice',
    file('{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1),
    /"dtype" comes twice/,
  ],
  ['__metadata__ twice', file('{"__metadata__":{},"__metadata__":{}}'), /"__metadata__" comes twice/],
  ['a metadata key twice', file('{"__metadata__":{"a":"1","a":"2"}}'), /"a" comes twice/],
  [
    'metadata with a number',
    file('{"__metadata__":{"a":1}}'),
    /__metadata__ must map strings to strings, but "a" holds 1/,
  ],
  ['metadata with a list', file('{"__metadata__":[]}'), /__metadata__ must map strings/],
  ['an unknown dtype', file(one('Q7', '[1]', '[0,1]'), 1), /tensor "a" has dtype "Q7"; known are U64/],
  ['a dtype like a method', file(one('constructor', '[1]', '[0,1]'), 1), /has dtype "constructor"/],
  ['no dtype', file('{"a":{"shape":[1],"data_offsets":[0,1]}}', 1), /has dtype nothing/],
  [
    'no shape',
    file('{"a":{"dtype":"U8","data_offsets":[0,1]}}', 1),
    /shape must be a list of numbers, not nothing/,
  ],
  ['no offsets', file('{"a":{"dtype":"U8","shape":[1]}}', 1), /data_offsets must be a list/],
  ['an entry that is null', file('{"a":null}'), /tensor "a" must be an object .* not null/],
  ['an entry called __proto__', file('{"__proto__":5}'), /tensor "__proto__" must be an object/],
  ['a negative size', file(one('U8', '[-1]', '[0,1]'), 1), /shape must hold whole numbers .* not -1/],
  ['a fractional size', file(one('U8', '[1.5]', '[0,1]'), 1), /not 1\.5/],
  ['1.0 for a size', file(one('U8', '[1.0]', '[0,1]'), 1), /not 1\.0/],
  ['1e0 for a size', file(one('U8', '[1e0]', '[0,1]'), 1), /not 1e0/],
  ['-0 for an offset', file(one('U8', '[1]', '[-0,1]'), 1), /not -0/],
  ['a size in quotes', file(one('U8', '["1"]', '[0,1]'), 1), /not "1"/],
  ['a size of 2^53', file(one('U8', '[9007199254740992]', '[0,1]'), 1), /not 9007199254740992/],
  ['a size of 10^400', file(one('U8', `[1${'0'.repeat(400)}]`, '[0,1]'), 1), /not 1000/],
  ['a leading zero', file(one('U8', '[01]', '[0,1]'), 1), /not valid JSON/],
  ['one offset', file(one('U8', '[1]', '[0]'), 1), /data_offsets must hold 2 numbers, not 1/],
  ['three offsets', file(one('U8', '[1]', '[0,1,2]'), 1), /data_offsets must hold 2 numbers, not 3/],
  ['an end before the start', file(one('U8', '[1]', '[1,0]'), 1), /ends at 0, before it starts at 1/],
  [
    'too few bytes for the shape',
    file(one('F32', '[2,3]', '[0,20]'), 20),
    /F32 of shape \[2, 3\] takes 24 bytes, but data_offsets gives it 20/,
  ],
  [
    'too many bytes for the shape',
    file(one('F16', '[2]', '[0,8]'), 8),
    /takes 4 bytes, but data_offsets gives it 8/,
  ],
  [
    'a shape that overflows to fit',
    file(one('F32', '[4294967296,4294967296]', '[0,0]')),
    /more elements than can be counted/,
  ],
  [
    'a shape that overflows before a zero',
    file(one('F32', '[4294967296,4294967296,0]', '[0,0]')),
    /more elements than can be counted/,
  ],
  ['2^52 doubles', file(one('F64', '[4503599627370496]', '[0,0]')), /more elements than can be counted/],
  [
    'a terabyte that is not there',
    file(one('F32', '[274877906944]', '[0,1099511627776]'), 4),
    /ends at byte 1099511627776 of the data, but the file holds 4; it was cut short/,
  ],
  [
    'a body cut short',
    file(one('U8', '[10]', '[0,10]'), 9),
    /ends at byte 10 of the data, but the file holds 9/,
  ],
  [
    'bytes behind the body',
    file(one('U8', '[10]', '[0,10]'), 12),
    /cover 10 bytes, but the file holds 12: 2 bytes at the end/,
  ],
  ['bytes behind no tensors', file('{}', 1), /cover 0 bytes, but the file holds 1/],
  [
    'a hole at the start',
    file(one('U8', '[1]', '[1,2]'), 2),
    /starts at byte 1 .* leaves a hole behind the header, which ends at 0/,
  ],
  [
    'a hole between tensors',
    file(`{${entry('a', 'U8', '[1]', '[0,1]')},${entry('b', 'U8', '[1]', '[2,3]')}}`, 3),
    /"b" starts at byte 2 .* hole behind tensor "a", which ends at 1/,
  ],
  [
    'overlapping tensors',
    file(`{${entry('a', 'U8', '[4]', '[0,4]')},${entry('b', 'U8', '[4]', '[2,6]')}}`, 6),
    /"b" starts at byte 2 .* overlaps with tensor "a", which ends at 4/,
  ],
  [
    'two tensors on the same bytes',
    file(`{${entry('a', 'U8', '[4]', '[0,4]')},${entry('b', 'U8', '[4]', '[0,4]')}}`, 4),
    /overlaps with/,
  ],
  [
    'a tensor inside another',
    file(`{${entry('a', 'U8', '[8]', '[0,8]')},${entry('b', 'U8', '[2]', '[2,4]')}}`, 8),
    /overlaps with/,
  ],
]

/** Refuses reads that a small file can't justify. */
function guarded(bytes: Uint8Array): ByteSource {
  const inner = bytesSource(bytes, 'model.safetensors')
  return {
    ...inner,
    read: (start, end, signal) => {
      expect(end - start).toBeLessThanOrEqual(bytes.length)
      return inner.read(start, end, signal)
    },
  }
}

describe('a malformed safetensors file', () => {
  it.each(bad)('with %s is refused', async (_, bytes, message) => {
    const error = await openSafetensors(guarded(bytes)).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(CheckpointError)
    expect((error as Error).message).toMatch(message)
    expect((error as Error).message).toMatch(/^model\.safetensors: /)
    // A hostile name or number must not flood the terminal.
    expect((error as Error).message.length).toBeLessThan(500)
  })
})

const good: [string, Uint8Array, string[]][] = [
  ['no tensors', file('{}'), []],
  ['spaces around the header', file(' \n{ } \t\r\n'), []],
  ['null metadata', file('{"__metadata__":null}'), []],
  [
    'a field that a later version may add',
    file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"more":[1.5,{}]}}', 1),
    ['a'],
  ],
  [
    'empty tensors at borders',
    file(
      `{${entry('a', 'U8', '[0]', '[0,0]')},${entry('b', 'U8', '[1]', '[0,1]')},${entry('c', 'U8', '[0,5]', '[1,1]')}}`,
      1,
    ),
    ['a', 'b', 'c'],
  ],
  ['a tensor called __proto__', file(`{${entry('__proto__', 'U8', '[1]', '[0,1]')}}`, 1), ['__proto__']],
  ['escaped names', file(`{${entry('\\u00e9\\ud83d\\ude00', 'U8', '[1]', '[0,1]')}}`, 1), ['é😀']],
]

describe('an unusual but sound safetensors file', () => {
  it.each(good)('with %s is read', async (_, bytes, names) => {
    expect((await openSafetensors(guarded(bytes))).names()).toEqual(names)
  })
})

describe('mutated files', () => {
  it('give a CheckpointError or a readable file, nothing else', { timeout: 60_000 }, async () => {
    const random = new Random(20261123)
    const original = serializeSafetensors(
      {
        'block.0.weight': { dtype: 'F32', shape: [3, 4], data: new Float32Array(12) },
        'block.0.bias': { dtype: 'F16', shape: [3], data: new Uint16Array(3) },
        ids: { dtype: 'I64', shape: [2], data: new BigInt64Array(2) },
      },
      { format: 'pt' },
    )
    const alphabet = encoder.encode('0123456789"\\{}[]:,-.eE \0u\xff')
    let refused = 0
    for (let round = 0; round < 4000; round++) {
      let bytes = original.slice()
      for (let edits = 1 + random.integer(4); edits > 0; edits--) {
        const at = random.integer(bytes.length)
        const kind = random.integer(5)
        if (kind === 0) bytes[at] = random.integer(256)
        else if (kind === 1) bytes[at] = alphabet[random.integer(alphabet.length)]!
        else if (kind === 2) bytes = bytes.slice(0, at)
        else if (kind === 3) bytes.copyWithin(at, random.integer(bytes.length), random.integer(bytes.length))
        else bytes[random.integer(Math.min(8, bytes.length))] = random.integer(256)
        if (bytes.length === 0) break
      }
      try {
        const opened = await openSafetensors(guarded(bytes))
        for (const name of opened.names()) await opened.read(name)
      } catch (error) {
        expect(error).toBeInstanceOf(CheckpointError)
        refused++
      }
    }
    // Most mutations hit the header; the rest only change weights.
    expect(refused).toBeGreaterThan(2000)
  })
})
