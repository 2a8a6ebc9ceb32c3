// A busy picture computed from its coordinates, so that recorded results need no stored input.
import type { RgbImage } from '../packages/tensor/src/index.ts'

/** Every byte from its row, column and channel; the recorded patches and resize hashes were made from it. */
export function formulaImage(height: number, width: number): RgbImage {
  const data = new Uint8Array(height * width * 3)
  let at = 0
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        data[at++] = (x * 7 + y * 13 + c * 29 + ((x * y) >> 3) * 11 + ((x * x) ^ (y * 5))) & 255
      }
    }
  }
  return { width, height, data }
}
