// Fonts and photographs of this package, read once in every process.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { GlobalFonts, type Image, loadImage } from '@napi-rs/canvas'
import { ResourceError } from '@ps3js/tensor'
import { FONTS } from '../../fonts.ts'

// From the sources (src/platform/node) or from the build (dist).
const ROOT = new URL(
  import.meta.url.includes('/src/platform/node/') ? '../../../assets/' : '../assets/',
  import.meta.url,
)

/** Photographs: for screens, frames, backgrounds. */
export const PHOTOS = [
  'astronaut',
  'camera',
  'chelsea',
  'china',
  'coffee',
  'coins',
  'flower',
  'hubble',
  'retina',
  'rocket',
] as const

/** Surfaces to fill backgrounds with. */
export const TEXTURES = ['grass', 'gravel'] as const

export type PhotoName = (typeof PHOTOS)[number]
type PictureName = PhotoName | (typeof TEXTURES)[number]

export type Pictures = Readonly<Record<PictureName, Image>>

let pictures: Promise<Pictures> | undefined

/**
 * Registers the fonts and decodes the photographs, once.
 * @throws ResourceError when a file of the package is gone
 */
export function loadAssets(): Promise<Pictures> {
  pictures ??= (async () => {
    for (const { family, weight } of FONTS) {
      const name = fontName(family, weight)
      // The collection is the process's: another thread may have been here.
      if (!GlobalFonts.has(name)) GlobalFonts.register(read(`fonts/${family}-${weight}.woff2`), name)
    }
    const names: PictureName[] = [...PHOTOS, ...TEXTURES]
    const decoded = await Promise.all(names.map((name) => loadImage(read(`photos/${name}.jpg`))))
    return Object.fromEntries(names.map((name, i) => [name, decoded[i]!])) as Record<PictureName, Image>
  })()
  return pictures
}

/** The name under which a font is registered: every weight is a family of its own, so that none is ever emboldened. */
export const fontName = (family: string, weight: number): string => `ps3-${family}-${weight}`

function read(name: string): Buffer {
  const url = new URL(name, ROOT)
  try {
    return readFileSync(url)
  } catch (cause) {
    throw new ResourceError(`cannot read ${fileURLToPath(url)}: install @ps3js/data-synth again`, { cause })
  }
}
