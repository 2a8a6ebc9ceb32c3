// Typed errors: one base class that survives duplicate installs (checked by a registered symbol, not instanceof).

const marker = Symbol.for('@ps3js/error')

/** Every subclass's name by its code. */
const NAMES: Record<string, string> = {
  'invalid-argument': 'InvalidArgumentError',
  config: 'ConfigError',
  checkpoint: 'CheckpointError',
  backend: 'BackendError',
  image: 'ImageError',
  resource: 'ResourceError',
}

/** Base of every error that these packages throw on purpose. `code` is stable; `message` says what to do. */
export class PS3Error extends Error {
  readonly code: string
  readonly [marker] = true

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    // Not new.target.name: minifiers rename classes.
    this.name = NAMES[code] ?? 'PS3Error'
  }

  // biome-ignore-start lint/complexity/noThisInStatic: subclasses inherit this and each tests for itself
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== PS3Error) return Function.prototype[Symbol.hasInstance].call(this, value)
    return typeof value === 'object' && value !== null && marker in value
  }
  // biome-ignore-end lint/complexity/noThisInStatic: as above
}

/** An argument of a public function is out of its stated range or shape. */
export class InvalidArgumentError extends PS3Error {
  constructor(message: string, options?: ErrorOptions) {
    super('invalid-argument', message, options)
  }
}

/** A model configuration is missing fields, holds unknown ones, or its numbers do not fit together. */
export class ConfigError extends PS3Error {
  constructor(message: string, options?: ErrorOptions) {
    super('config', message, options)
  }
}

/** A weights file is malformed, or does not fit the model it is loaded into. */
export class CheckpointError extends PS3Error {
  constructor(message: string, options?: ErrorOptions) {
    super('checkpoint', message, options)
  }
}

/** A compute backend is missing, unusable, or lacks what was asked of it. */
export class BackendError extends PS3Error {
  constructor(message: string, options?: ErrorOptions) {
    super('backend', message, options)
  }
}

/** A picture cannot be decoded or used. */
export class ImageError extends PS3Error {
  constructor(message: string, options?: ErrorOptions) {
    super('image', message, options)
  }
}

/** A file or a remote resource cannot be reached, read or written. */
export class ResourceError extends PS3Error {
  constructor(message: string, options?: ErrorOptions) {
    super('resource', message, options)
  }
}
