// Where each picture's files go when there are several.

import { basename, extname } from 'node:path'

/** '' for a single picture; for several their names, numbered where two are alike. */
export function outputFolders(images: readonly string[]): string[] {
  if (images.length === 1) return ['']
  const used = new Set<string>()
  return images.map((image) => {
    const name = basename(image, extname(image)) || 'picture'
    let folder = name
    for (let n = 2; used.has(folder); n++) folder = `${name}-${n}`
    used.add(folder)
    return folder
  })
}
