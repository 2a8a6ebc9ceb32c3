// The backends that tests in this process run on. Native TensorFlow may be missing; with CI=true that is a failure.
import { describe } from 'vitest'
import { nativeStatus } from '../packages/tensor/src/index.ts'
import { requireOrSkip } from './test-support.ts'

/** `describe` for tests on native TensorFlow. */
export const describeNative = requireOrSkip(
  (await nativeStatus()).cpu.usable,
  'native TensorFlow; get it by: npm run ps3 -- native install',
)

/** Every backend that Node has. */
export const BACKENDS = [
  ['cpu', describe],
  ['wasm', describe],
  ['node', describeNative],
] as const
