// What a run's configuration names by a relative path lies beside the configuration.

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'

/** Settings by their path in the configuration: `['data', 'shards']`. */
interface Located {
  /** Files or addresses. */
  files: readonly (readonly string[])[]
  /** Folders or addresses, or names of the hub: these are folders only where there is one. */
  refs: readonly (readonly string[])[]
}

/** The same configuration with its places counted from `folder`. */
export function placed<T extends object>(config: T, folder: string, { files, refs }: Located): T {
  const copy = structuredClone(config)
  for (const path of files) change(copy, path, (name) => (isAddress(name) ? name : resolve(folder, name)))
  for (const path of refs) {
    change(copy, path, (name) => (existsSync(resolve(folder, name)) ? resolve(folder, name) : name))
  }
  return copy
}

const isAddress = (location: string) => /^[a-z]{2,}:/i.test(location)

function change(within: object, [key, ...rest]: readonly string[], to: (text: string) => string): void {
  const record = within as Record<string, unknown>
  const value = record[key!]
  if (typeof value === 'string' && rest.length === 0) record[key!] = to(value)
  else if (typeof value === 'object' && value !== null && rest.length > 0) change(value, rest, to)
}
