// The backends that tests in this process run on. Native TensorFlow may be missing; with CI=true that is a failure.
import { nativeStatus } from '@ps3js/tensor'
import { describe } from 'vitest'
import { requireOrSkip } from '../../../tools/test-support.ts'

const native = (await nativeStatus()).cpu.usable

export const BACKENDS = [
  ['cpu', describe],
  ['wasm', describe],
  ['node', requireOrSkip(native, 'native TensorFlow; get it by: npm run ps3 -- native install')],
] as const
