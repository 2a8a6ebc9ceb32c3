// A backend as the command line names it; unknown names are told apart by `useBackend` itself.

import type { BackendChoice, BackendName } from '@ps3js/tensor'

/** `auto`, one name, or several with commas in order of preference. */
export function backendChoice(text: string): BackendChoice {
  if (text === 'auto') return text
  return text.split(',').map((name) => name.trim() as BackendName)
}
