// SentencePiece's precompiled normalisation table (T5 and SigLIP tokenizers), read from the trie it is stored as.
// Source: SentencePiece's normalizer, applied grapheme by grapheme as Hugging Face's `spm_precompiled` does.

import { CheckpointError } from '@ps3js/tensor'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/**
 * Returns the function that normalises text by `charsmap` (base64, from a `Precompiled` normalizer).
 *
 * The blob is: byte length of the trie, the trie as 32-bit units of a double array, then the replacements, each
 * ending in a zero byte. The published library approximates this by NFKC, which knows other characters.
 *
 * @throws CheckpointError when the table is cut short or not base64.
 */
export function precompiledNormalizer(charsmap: string): (text: string) => string {
  const bytes = decodeBase64(charsmap)
  const trieBytes = bytes.length < 4 ? 0 : new DataView(bytes.buffer).getUint32(0, true)
  if (trieBytes < 4 || trieBytes % 4 !== 0 || 4 + trieBytes > bytes.length) {
    throw new CheckpointError(
      `tokenizer.json: the precompiled_charsmap announces a trie of ${trieBytes} bytes but holds ${bytes.length} bytes in all; download the tokenizer again`,
    )
  }
  const view = new DataView(bytes.buffer, 4, trieBytes)
  const units = Uint32Array.from({ length: trieBytes / 4 }, (_, i) => view.getUint32(4 * i, true))
  const replacements = bytes.subarray(4 + trieBytes)
  const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

  /** Replacement of the shortest prefix of `chunk` that the trie knows; it stands for the whole of `chunk`. */
  function lookUp(chunk: Uint8Array): string | undefined {
    let position = offsetOf(units[0]!)
    for (const byte of chunk) {
      if (byte === 0) return undefined
      position ^= byte
      const unit = units[position]
      if (unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) return undefined
      position ^= offsetOf(unit)
      if ((unit >>> 8) & 1) {
        const start = (units[position] ?? 0) & 0x7fffffff
        const end = replacements.indexOf(0, start)
        return decoder.decode(replacements.subarray(start, end < 0 ? replacements.length : end))
      }
    }
    return undefined
  }

  return (text) => {
    let result = ''
    for (const { segment } of graphemes.segment(text)) {
      const chunk = encoder.encode(segment)
      // Six bytes: Hugging Face's limit above which a grapheme is only looked up character by character.
      const whole = chunk.length < 6 ? lookUp(chunk) : undefined
      if (whole !== undefined) result += whole
      else for (const character of segment) result += lookUp(encoder.encode(character)) ?? character
    }
    return result
  }
}

/** Where a unit's children begin, relative to it (darts-clone's layout: bit 9 widens the offset by a byte). */
function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6)
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  } catch (cause) {
    throw new CheckpointError(
      'tokenizer.json: the precompiled_charsmap is not base64; download the tokenizer again',
      {
        cause,
      },
    )
  }
}
