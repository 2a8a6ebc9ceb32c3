// The two pictures that a vision model is shown: the whole, and the close-up of a region. As data URLs.

import { type Box, clipBox } from './boxes.ts'
import { decoding, type EncodedPicture, upright } from './picture.ts'

/** Long side of what is sent: what common servers look at without cutting it into tiles or shrinking it themselves. */
const VIEW_SIDE = 1024
/** Small regions are enlarged up to this, as models see little in a stamp. */
const LEAST_SIDE = 384

/** The whole picture. */
export function globalView(picture: EncodedPicture): Promise<string> {
  return decoding(picture.name, async () =>
    dataUrl(
      await upright(picture)
        .resize({ width: VIEW_SIDE, height: VIEW_SIDE, fit: 'inside', withoutEnlargement: true })
        .jpeg({ quality: 90 })
        .toBuffer(),
    ),
  )
}

/** One region at its own resolution, as far as that fits. */
export function regionView(picture: EncodedPicture, box: Box): Promise<string> {
  const [x1, y1, x2, y2] = clipBox(box, picture.width, picture.height)!
  const [left, top] = [Math.floor(x1), Math.floor(y1)]
  const [width, height] = [Math.ceil(x2) - left, Math.ceil(y2) - top]
  const long = Math.max(width, height)
  const side = Math.min(VIEW_SIDE, Math.max(long, LEAST_SIDE))
  return decoding(picture.name, async () =>
    dataUrl(
      await upright(picture)
        .extract({ left, top, width, height })
        .resize({ width: side, height: side, fit: 'inside' })
        .jpeg({ quality: 90 })
        .toBuffer(),
    ),
  )
}

const dataUrl = (jpeg: Buffer) => `data:image/jpeg;base64,${jpeg.toString('base64')}`
