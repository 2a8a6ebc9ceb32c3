// The pictures of one report: PNG files, and the same as data URIs for the page.

import { join } from 'node:path'
import { selectionToMaps } from '@ps3js/patch-selector'
import { writeFileAtomic } from '@ps3js/tensor'
import type { LookedPicture } from '../encode/encode-picture.ts'
import { selectionMap } from '../encode/summary.ts'
import { scaleColor } from './colors.ts'
import { type Canvas, dimOutside, outlinePatches, paintHeat, toCanvas, toDataUri, toPng } from './overlay.ts'

export interface Figure {
  title: string
  /** What is to be seen. */
  caption: string
  dataUri: string
}

/** Draws the figures, writes their PNGs into `directory` and returns them for the page, the plain picture first. */
export async function drawFigures(
  directory: string,
  { image, encoding }: LookedPicture,
  scalePixels: readonly number[],
  signal: AbortSignal,
): Promise<{ figures: Figure[]; files: string[] }> {
  const grids = encoding.sizes.slice(1).map((size) => size.grid)
  const maps = selectionToMaps(encoding.selections[0]!, grids)
  const layers = grids.map((grid, s) => ({ grid, map: maps[s]!, scale: s + 1 }))
  const plain = await toCanvas(image)
  const heat = paintHeat(plain, selectionMap(encoding))

  const figures: Figure[] = [
    { title: 'Picture', caption: 'What was encoded.', dataUri: await toDataUri(plain) },
  ]
  const files: string[] = []
  const add = async (file: string, title: string, caption: string, canvas: Canvas) => {
    signal.throwIfAborted()
    await writeFileAtomic(join(directory, file), await toPng(canvas))
    files.push(file)
    figures.push({ title, caption, dataUri: await toDataUri(canvas) })
  }

  // Coarse scales first and thicker: where scales look at the same place, each line stays visible.
  const selected = layers.reduce(
    (canvas, { grid, map, scale }) =>
      outlinePatches(canvas, grid, map, {
        color: scaleColor(scale),
        thickness: 2 * (layers.length - scale) + 2,
        inner: scale === layers.length ? 0.3 : 0.15,
      }),
    dimOutside(plain, layers),
  )
  await add(
    'selected.png',
    'Looked at closely',
    'Patches that were encoded at a higher resolution, outlined in the colour of their scale.',
    selected,
  )
  for (const { grid, map, scale } of layers) {
    const pixels = scalePixels[scale]!
    await add(
      `heatmap-scale${scale}.png`,
      `Heat map, ${pixels} px`,
      `How much each place deserves a closer look (dark: least, bright: most), and the patches taken at ${pixels} px.`,
      outlinePatches(heat, grid, map, { color: scaleColor(scale), thickness: 2, inner: 0.45 }),
    )
  }
  return { figures, files }
}
