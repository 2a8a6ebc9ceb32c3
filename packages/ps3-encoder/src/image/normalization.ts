// Per-channel normalisation of bytes, (byte / 255 - mean) / std, as tables and as affine factors.
import { InvalidArgumentError } from '@ps3js/tensor'

/** Mean and standard deviation of OpenAI's CLIP training data, the default where a processor names none. */
export const OPENAI_MEAN: readonly number[] = [0.48145466, 0.4578275, 0.40821073]
export const OPENAI_STD: readonly number[] = [0.26862954, 0.26130258, 0.27577711]

/** Throws InvalidArgumentError unless `mean` and `std` are three finite numbers each, std above 0. */
export function checkMeanStd(mean: readonly number[], std: readonly number[]): void {
  if (mean.length !== 3 || std.length !== 3) {
    throw new InvalidArgumentError(
      `mean and std need 3 numbers each (R, G, B), not ${mean.length} and ${std.length}`,
    )
  }
  for (const value of mean) {
    if (!Number.isFinite(value)) throw new InvalidArgumentError(`mean holds ${value}; it must be finite`)
  }
  for (const value of std) {
    if (!(value > 0 && Number.isFinite(value))) {
      throw new InvalidArgumentError(`std holds ${value}; it must be finite and above 0`)
    }
  }
}

/** Normalised value of each byte, channel by channel: [3 * 256], each operation rounded to float32 as in PyTorch. */
export function normalizationTable(mean: readonly number[], std: readonly number[]): Float32Array {
  checkMeanStd(mean, std)
  const table = new Float32Array(3 * 256)
  for (let channel = 0; channel < 3; channel++) {
    const m = Math.fround(mean[channel]!)
    const s = Math.fround(std[channel]!)
    for (let byte = 0; byte < 256; byte++) {
      table[channel * 256 + byte] = Math.fround(Math.fround(Math.fround(byte / 255) - m) / s)
    }
  }
  return table
}
