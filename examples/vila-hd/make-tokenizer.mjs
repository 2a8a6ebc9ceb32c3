// A small tokenizer in the layout of Qwen2's: a token for each word of the questions and each colour, a token for every other
// byte, so that words that were never seen are read and written letter by letter.
// usage: node make-tokenizer.mjs > tokenizer/tokenizer.json
import { fileURLToPath } from 'node:url'
import { askQuestions, drawMarks, pictureRandom } from '@ps3js/data-synth'

const SPECIAL = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '<image>']
const ROLES = ['system', 'user', 'assistant']
/** As things of other pictures are named: "the sign that says OPEN". */
const NAMING = [' that', ' says']

/** Words in lower-case letters, with a capital at most, as they stand in questions and answers: with a space before or not. */
function words(pictures) {
  const found = new Set([...ROLES, ...NAMING])
  for (const split of ['train', 'heldout'])
    for (let i = 0; i < pictures; i++) {
      const random = pictureRandom(17, i)
      const { objects } = drawMarks({ random, size: 512, split })
      for (const { question, answer } of askQuestions(objects, {
        kind: 'marks',
        random,
        count: 30,
        longSide: 512,
      }))
        for (const text of [question, answer])
          for (const [word] of text.matchAll(/ ?[A-Za-z]+/g))
            if (/^ ?[A-Z]?[a-z]+$/.test(word)) found.add(word)
    }
  return [...found].sort()
}

/** The characters that stand for bytes in byte-level BPE (GPT-2). */
function byteCharacters() {
  const isPrintable = (byte) =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255)
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isPrintable(byte) ? byte : next++))
}

/** tokenizer.json. Words are merged from their left, letter by letter: their beginnings are tokens too. */
export function makeTokenizer(pictures = 100) {
  const characters = byteCharacters()
  const vocab = Object.fromEntries(characters.map((character, byte) => [character, byte]))
  const merges = []
  for (const word of words(pictures)) {
    const letters = [...word].map((letter) => characters[letter.charCodeAt(0)])
    let left = letters[0]
    for (const letter of letters.slice(1)) {
      const merged = left + letter
      if (!(merged in vocab)) {
        vocab[merged] = Object.keys(vocab).length
        merges.push([left, letter])
      }
      left = merged
    }
  }
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
  const added = SPECIAL.map((content, i) => ({ id: Object.keys(vocab).length + i, content, ...flags }))
  for (const { id, content } of added) vocab[content] = id
  const level = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: true }
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: level,
    post_processor: null,
    decoder: level,
    model: { type: 'BPE', vocab, merges },
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.stdout.write(`${JSON.stringify(makeTokenizer())}\n`)
