// Progress: one line on a terminal that never wraps, nothing elsewhere.

import { describe, expect, it } from 'vitest'
import { Progress } from './progress.ts'

describe('Progress', () => {
  it('writes over its own line, cut to the width of the terminal, and wipes it', () => {
    const written: string[] = []
    const progress = new Progress(
      (text) => written.push(text),
      () => 20,
    )
    progress.step('a step with\na rather long name', 1)
    progress.clear()
    progress.clear()
    expect(written).toEqual(['\r\u001b[2Ka step with a rathe', '\r\u001b[2K'])
  })

  it('redraws fractions rarely but shows every new step', () => {
    const written: string[] = []
    const progress = new Progress((text) => written.push(text))
    for (let i = 0; i < 1000; i++) progress.step('loading', i / 1001)
    progress.step('done')
    expect(written.length).toBeLessThan(20)
    expect(written[0]).toContain('loading 0 %')
    expect(written.at(-1)).toContain('done')
  })

  it('is silent where nobody watches', () => {
    const progress = new Progress(null)
    progress.step('loading', 0.5)
    progress.clear()
  })
})
