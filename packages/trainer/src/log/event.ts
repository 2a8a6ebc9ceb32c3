// TensorBoard's events as protocol buffers, as few fields as scalars and pictures need.
// Messages: tensorflow/core/util/event.proto and tensorflow/core/framework/summary.proto; wire format: protobuf.dev.

/** A picture on its way to TensorBoard: PNG bytes. */
export interface EventImage {
  width: number
  height: number
  png: Uint8Array
}

export interface TrainingEvent {
  /** Seconds since 1970. */
  wallTime: number
  step: number
  scalars?: Readonly<Record<string, number>>
  images?: Readonly<Record<string, EventImage>>
  /** The first event of a file: TensorBoard forgets what other files say of this step and later ones. */
  starts?: boolean
}

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5
const START = 1
/** TensorBoard's colour space number of RGB. */
const RGB = 3

/** The serialized `Event`s of one moment: a file's start is two. */
export function encodeEvents({
  wallTime,
  step,
  scalars = {},
  images = {},
  starts,
}: TrainingEvent): Uint8Array[] {
  const stamp = [...double(1, wallTime), ...(step === 0 ? [] : integer(2, step))]
  if (starts) {
    return [
      Uint8Array.from([...double(1, wallTime), ...text(3, 'brain.Event:2')]),
      Uint8Array.from([...stamp, ...message(7, integer(1, START))]),
    ]
  }
  const values = [
    ...Object.entries(scalars).map(([tag, value]) => [...text(1, tag), ...float(2, value)]),
    ...Object.entries(images).map(([tag, image]) => [...text(1, tag), ...message(4, picture(image))]),
  ]
  return [
    Uint8Array.from([
      ...stamp,
      ...message(
        5,
        values.flatMap((value) => message(1, value)),
      ),
    ]),
  ]
}

/** The step of a serialized `Event`; 0 when it has none. */
export function eventStep(event: Uint8Array): number {
  for (let at = 0; at < event.length; ) {
    const [key, afterKey] = readVarint(event, at)
    const [value, afterValue] = readVarint(event, afterKey)
    switch (key & 7) {
      case VARINT:
        if (key >> 3 === 2) return value
        at = afterValue
        break
      case FIXED64:
        at = afterKey + 8
        break
      case BYTES:
        at = afterValue + value
        break
      default:
        at = afterKey + 4
    }
  }
  return 0
}

const picture = ({ height, width, png }: EventImage) => [
  ...integer(1, height),
  ...integer(2, width),
  ...integer(3, RGB),
  ...message(4, png),
]

const key = (field: number, type: number) => varint(field * 8 + type)
const integer = (field: number, value: number) => [...key(field, VARINT), ...varint(value)]
const message = (field: number, bytes: ArrayLike<number>) => [
  ...key(field, BYTES),
  ...varint(bytes.length),
  ...Array.from(bytes),
]
const text = (field: number, value: string) => message(field, new TextEncoder().encode(value))

function double(field: number, value: number): number[] {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, value, true)
  return [...key(field, FIXED64), ...bytes]
}

function float(field: number, value: number): number[] {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setFloat32(0, value, true)
  return [...key(field, FIXED32), ...bytes]
}

/** Seven bits at a time, lowest first; steps beyond 2^32 too, so no bitwise arithmetic. */
function varint(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest]
    bytes.push((rest % 128) + 128)
  }
}

function readVarint(bytes: Uint8Array, start: number): [value: number, end: number] {
  let value = 0
  for (let at = start, factor = 1; at < bytes.length; at++, factor *= 128) {
    value += (bytes[at]! & 127) * factor
    if (bytes[at]! < 128) return [value, at + 1]
  }
  return [value, bytes.length]
}
