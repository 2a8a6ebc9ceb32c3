// tfjs's packages are CommonJS to Node and ES modules to bundlers.

/** A module's exports: Node hands over those of a CommonJS module that it cannot list as `default`. */
export function exportsOf<T extends object>(namespace: T): T {
  return 'default' in namespace ? (namespace.default as T) : namespace
}
