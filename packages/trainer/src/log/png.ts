// A small RGB picture as PNG without compression: selection maps are a few kilobytes, and this runs anywhere.
// PNG specification (W3C), zlib (RFC 1950), stored blocks of DEFLATE (RFC 1951, 3.2.4).

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
const LARGEST_STORED_BLOCK = 65535

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  return crc
})

/** rgb: `width * height * 3` bytes, row-major. */
export function encodePng(width: number, height: number, rgb: Uint8Array): Uint8Array {
  const rows = new Uint8Array(height * (1 + width * 3))
  for (let y = 0; y < height; y++) {
    // The byte before each row names its filter; 0 is none.
    rows.set(rgb.subarray(y * width * 3, (y + 1) * width * 3), y * (1 + width * 3) + 1)
  }
  const header = [...big32(width), ...big32(height), 8, 2, 0, 0, 0]
  return Uint8Array.from([
    ...SIGNATURE,
    ...chunk('IHDR', header),
    ...chunk('IDAT', zlibStored(rows)),
    ...chunk('IEND', []),
  ])
}

function zlibStored(data: Uint8Array): number[] {
  const out = [0x78, 0x01]
  for (let start = 0; start < data.length; start += LARGEST_STORED_BLOCK) {
    const block = data.subarray(start, start + LARGEST_STORED_BLOCK)
    const isLast = start + block.length === data.length
    const { length } = block
    out.push(isLast ? 1 : 0, length & 255, length >> 8, ~length & 255, (~length >> 8) & 255)
    for (const byte of block) out.push(byte)
  }
  out.push(...big32(adler32(data)))
  return out
}

function chunk(type: string, data: number[]): number[] {
  const body = [...new TextEncoder().encode(type), ...data]
  let crc = 0xffffffff
  for (const byte of body) crc = (crc >>> 8) ^ crcTable[(crc ^ byte) & 0xff]!
  return [...big32(data.length), ...body, ...big32((crc ^ 0xffffffff) >>> 0)]
}

function adler32(data: Uint8Array): number {
  let a = 1
  let b = 0
  for (const byte of data) {
    a = (a + byte) % 65521
    b = (b + a) % 65521
  }
  return ((b << 16) | a) >>> 0
}

const big32 = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]
