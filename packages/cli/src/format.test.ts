// Numbers for people: units change where the digits would.

import { describe, expect, it } from 'vitest'
import { formatBytes, formatCount, formatDuration, formatFlops, formatShare, formatTable } from './format.ts'

describe('numbers for people', () => {
  it.each([
    [formatCount(87480), '87,480'],
    [formatBytes(999), '999 B'],
    [formatBytes(999_999), '1 MB'],
    [formatBytes(2.304e9), '2.3 GB'],
    [formatFlops(3.7512e12), '3.75 TFLOP'],
    [formatDuration(0.4), '0 ms'],
    [formatDuration(999.7), '1.00 s'],
    [formatDuration(9994), '9.99 s'],
    [formatDuration(12_340), '12.3 s'],
    [formatDuration(119_700), '2 min 0 s'],
    [formatShare(0), '0 %'],
    [formatShare(1), '100 %'],
    [formatShare(2560 / 87480), '2.9 %'],
    [formatShare(0.123), '12.3 %'],
    [formatShare(0.99999), '100.0 %'],
  ])('%s', (text, expected) => {
    expect(text).toBe(expected)
  })

  it('lines columns up', () => {
    const table = formatTable([
      ['', 'time'],
      ['low-res', '1.0 s'],
    ])
    expect(table).toBe('          time\nlow-res  1.0 s\n')
  })
})
