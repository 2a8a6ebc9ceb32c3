// Option values: what is understood, and that mistakes name the option.

import { InvalidArgumentError } from '@ps3js/tensor'
import { describe, expect, it } from 'vitest'
import { box, byteSize, oneOf, share, whole, wholeList, wholeOrAll } from './option-values.ts'

describe('option values', () => {
  it.each([
    ['whole', whole('--n', 1)('12'), 12],
    ['all', wholeOrAll('--n')('all'), 'all'],
    ['none at all', wholeOrAll('--n')('0'), 0],
    ['list', wholeList('--n')('1, 20,3'), [1, 20, 3]],
    ['share', share('--p')('0.25'), 0.25],
    ['everything', share('--p')('1'), 1],
    ['name', oneOf('--to', ['hf', 'openclip'])('hf'), 'hf'],
    ['box', box('1, 2.5,30,40'), [1, 2.5, 30, 40]],
    ['box that starts outside', box('-5,-5,10,10'), [-5, -5, 10, 10]],
    ['gigabytes', byteSize('--s')('2GB'), 2e9],
    ['mebibytes', byteSize('--s')('1.5 MiB'), 1.5 * 2 ** 20],
    ['bytes', byteSize('--s')('1000'), 1000],
  ])('%s', (_, value, expected) => {
    expect(value).toEqual(expected)
  })

  it.each([
    ['fraction', () => whole('--n')('1.5')],
    ['exponent', () => whole('--n')('1e3')],
    ['too small', () => whole('--n', 1)('0')],
    ['too large to be exact', () => whole('--n')('9007199254740993')],
    ['nothing', () => whole('--n')('')],
    ['half a list', () => wholeList('--n')('1,,2')],
    ['word', () => wholeOrAll('--n')('most')],
    ['no share', () => share('--n')('0')],
    ['empty share', () => share('--n')(' ')],
    ['unknown name', () => oneOf('--n', ['a', 'b'])('c')],
    ['size without number', () => byteSize('--n')('GB')],
    ['size in unknown units', () => byteSize('--n')('2 parsecs')],
    ['size of nothing', () => byteSize('--n')('0')],
  ])('refuses: %s', (_, parse) => {
    expect(parse).toThrow(InvalidArgumentError)
    expect(parse).toThrow(/^--n /)
  })

  it.each(['', '1,2,3', '1,2,3,4,5', 'a,b,c,d', '5,5,5,9', '5,9,9,5'])('refuses the box "%s"', (text) => {
    expect(() => box(text)).toThrow(/^--box /)
  })
})
