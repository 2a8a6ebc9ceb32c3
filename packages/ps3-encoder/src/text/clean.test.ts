// Text cleaning against Python: ftfy, html.unescape and str methods, on picked and on random garbled strings.

import { readFileSync } from 'node:fs'
import { ConfigError, InvalidArgumentError } from '@ps3js/tensor'
import { describe, expect, it } from 'vitest'
import { type CleanMode, cleanText } from './clean.ts'
import { unescapeHtml } from './html-unescape.ts'

function fixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../fixtures/text/${name}`, import.meta.url), 'utf8')) as T
}

const { columns, rows } = fixture<{ columns: string[]; rows: string[][] }>('clean.json')

describe('cleanText', () => {
  it.each(columns.slice(1).map((mode, index) => [mode, index + 1] as const))(
    '%s equals Python',
    (mode, at) => {
      expect(rows.length).toBeGreaterThan(400)
      for (const row of rows) {
        expect(cleanText(row[0]!, mode as CleanMode), JSON.stringify(row[0])).toBe(row[at])
      }
    },
  )

  it('does not change what it has canonicalized', () => {
    for (const row of rows.slice(0, 60)) expect(cleanText(row[2]!, 'canonicalize')).toBe(row[2])
  })

  it('refuses what is not a string, and unknown modes', () => {
    expect(() => cleanText(null as unknown as string, 'lower')).toThrow(InvalidArgumentError)
    expect(() => cleanText(['a'] as unknown as string, 'lower')).toThrow(
      'text must be a string, not an array',
    )
    expect(() => cleanText('a', 'upper' as CleanMode)).toThrow(ConfigError)
  })
})

describe('unescapeHtml', () => {
  it('equals Python on every name, on names run into other letters, and on code points', () => {
    const { input, output } = fixture<{ input: string; output: string }>('html-unescape.json')
    const got = unescapeHtml(input).split(' ')
    const want = output.split(' ')
    expect(got.length).toBe(want.length)
    for (let i = 0; i < want.length; i++)
      expect(got[i], `near ${want.slice(i - 2, i).join(' ')}`).toBe(want[i])
  })
})
