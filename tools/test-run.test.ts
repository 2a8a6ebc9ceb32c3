// Counting from vitest's report: nothing that failed counts as passed.
import { expect, it } from 'vitest'
import { countTests } from './lib/test-run.mjs'

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((test) => ({ status: test })),
})

it.each([
  ['all well', { numPassedTests: 3, numFailedTests: 0, success: true }, [file('passed', 'passed')], [3, 0]],
  ['a failure', { numPassedTests: 2, numFailedTests: 1, success: false }, [file('failed', 'failed')], [2, 1]],
  [
    'a file that does not load',
    { numPassedTests: 2, numFailedTests: 0, success: false },
    [file('failed')],
    [2, 1],
  ],
  [
    'an error outside',
    { numPassedTests: 2, numFailedTests: 0, success: false },
    [file('passed', 'passed')],
    [2, 1],
  ],
])('%s', (_name, numbers, testResults, [passed, failed]) => {
  expect(countTests({ ...numbers, testResults })).toEqual({ passed, failed })
})
