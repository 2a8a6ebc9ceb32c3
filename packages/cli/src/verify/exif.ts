// The orientation that a JPEG's EXIF block asks for (CIPA DC-008, tag 0x0112).

/** 1 to 8; 1, upright, where the file says nothing. */
export function exifOrientation(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const start = findExif(view)
  if (start === null) return 1
  try {
    const littleEndian = view.getUint16(start) === 0x4949
    const directory = start + view.getUint32(start + 4, littleEndian)
    const entries = view.getUint16(directory, littleEndian)
    for (let i = 0; i < entries; i++) {
      const entry = directory + 2 + 12 * i
      if (view.getUint16(entry, littleEndian) === 0x0112) return view.getUint16(entry + 8, littleEndian)
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  return 1
}

/** Where the TIFF header of the EXIF block begins. */
function findExif(view: DataView): number | null {
  if (view.byteLength < 4 || view.getUint16(0) !== 0xffd8) return null
  let at = 2
  while (at + 10 < view.byteLength && view.getUint8(at) === 0xff) {
    if (view.getUint8(at + 1) === 0xe1 && view.getUint32(at + 4) === 0x45786966) return at + 10
    at += 2 + view.getUint16(at + 2)
  }
  return null
}
