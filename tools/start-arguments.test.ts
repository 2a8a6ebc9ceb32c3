// `npm start` takes the sample picture only when no other is named.
import { expect, it } from 'vitest'
import { startArguments } from './lib/start-arguments.mjs'

it.each([
  [[], ['encode', 'sample.jpg', '--out', 'out']],
  [['my.jpg'], ['encode', 'my.jpg', '--out', 'out']],
  [
    ['my.jpg', '--prompt', 'a dog'],
    ['encode', 'my.jpg', '--prompt', 'a dog', '--out', 'out'],
  ],
  [
    ['--prompt', 'a dog'],
    ['encode', 'sample.jpg', '--prompt', 'a dog', '--out', 'out'],
  ],
  [
    ['--prompt', 'a dog', 'my.jpg'],
    ['encode', '--prompt', 'a dog', 'my.jpg', '--out', 'out'],
  ],
  [
    ['--looks=2', 'my.jpg', '--out', 'there'],
    ['encode', '--looks=2', 'my.jpg', '--out', 'there'],
  ],
  [
    ['--box', '0,0,10,10', '5,5,9,9'],
    ['encode', 'sample.jpg', '--box', '0,0,10,10', '5,5,9,9', '--out', 'out'],
  ],
  [
    ['--json', 'my.jpg'],
    ['encode', '--json', 'my.jpg', '--out', 'out'],
  ],
  [['--json'], ['encode', 'sample.jpg', '--json', '--out', 'out']],
])('%j', (given, expected) => {
  expect(startArguments(given, 'sample.jpg')).toEqual(expected)
})
