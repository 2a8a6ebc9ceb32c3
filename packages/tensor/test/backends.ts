// The backends that tests in this process run on. Native TensorFlow may be missing; with CI=true that is a failure.
import { describe } from 'vitest'
import { requireOrSkip } from '../../../tools/test-support.ts'
import { useBackend } from '../src/index.ts'

const native = await useBackend('node').then(
  () => true,
  () => false,
)

export const describeNative = requireOrSkip(
  native,
  'native TensorFlow; get it by: npm run ps3 -- native install',
)

export const BACKENDS = [
  ['cpu', describe],
  ['wasm', describe],
  ['node', describeNative],
] as const
