// Files that ship with the command. From `src` as from `dist` they lie one folder up.

import { fileURLToPath } from 'node:url'

/** Where a shipped file is. */
export function assetPath(name: string): string {
  return fileURLToPath(new URL(`../assets/${name}`, import.meta.url))
}
