// Everything that `npm test` checks, step by step; every step runs, so that one failure does not hide another.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ensureBuilt, ensureInstalled } from './prepare.mjs'
import { Interrupted, run, throwIfInterrupted } from './processes.mjs'
import { cacheDir, root } from './workspace.mjs'

const REPORT = join(cacheDir, 'vitest.json')
const say = (line) => process.stderr.write(`${line}\n`)

/** Runs all checks; with arguments only the tests, and vitest gets the arguments. Gives the exit code. */
export async function checkEverything(vitestArguments) {
  mkdirSync(cacheDir, { recursive: true })
  rmSync(REPORT, { force: true })
  await ensureInstalled()
  if (vitestArguments.length > 0) return unitTests(vitestArguments)
  const results = []
  const check = async (name, work) => {
    say(`\n── ${name}`)
    const started = Date.now()
    const code = await work().catch((error) => {
      if (error instanceof Interrupted) throw error
      say(error.message)
      return 1
    })
    throwIfInterrupted()
    results.push({ name, ok: code === 0, seconds: (Date.now() - started) / 1000 })
  }
  await check('build', async () => {
    await ensureBuilt({ types: true })
    return 0
  })
  await check('native backend', nativeBackend)
  await check('types', () => run('tsc', ['-p', 'tsconfig.json', '--noEmit']))
  await check('lint', () => run('biome', ['check', '--error-on-warnings', '.']))
  await check('imports', () => run(process.execPath, ['tools/check-imports.mjs']))
  await check('tests', () => unitTests([]))
  await check('packages', () =>
    run('turbo', ['run', 'gates', '--output-logs=errors-only', '--no-update-notifier']),
  )
  await check('unused', () => run('knip', ['--no-config-hints']))
  await check('built packages', () => run(process.execPath, ['tools/smoke/matrix.mjs']))
  say('')
  for (const { name, ok, seconds } of results) {
    say(`${ok ? 'ok    ' : 'FAILED'}  ${name.padEnd(16)} ${seconds.toFixed(0).padStart(5)} s`)
  }
  return results.every(({ ok }) => ok) ? 0 : 1
}

/** Prints how many tests passed and failed, from vitest's own report. */
export function summary() {
  const { passed, failed } = counts()
  process.stdout.write(`${passed} passed, ${failed} failed\n`)
  return failed === 0 ? 0 : 1
}

function counts() {
  // No report: vitest did not get as far as its first test.
  return existsSync(REPORT) ? countTests(JSON.parse(readFileSync(REPORT, 'utf8'))) : { passed: 0, failed: 1 }
}

/** The numbers of a report by vitest's JSON reporter. */
export function countTests(report) {
  // A file that could not be loaded holds no test, yet is a failure.
  const broken = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  )
  const failed = report.numFailedTests + broken.length
  // Errors outside any test fail the run as a whole.
  return { passed: report.numPassedTests, failed: failed === 0 && !report.success ? 1 : failed }
}

function unitTests(args) {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${REPORT}`]
  return run('vitest', ['run', ...reporters, ...args])
}

/** In CI the native backend is installed, and missing it is a failure; elsewhere one line says how to get it. */
async function nativeBackend() {
  const bin = join(root, 'packages/cli/dist/bin.js')
  if (process.env.CI === 'true') return run(process.execPath, [bin, 'native', 'install'])
  const { nativeStatus } = await import(new URL('../../packages/tensor/dist/index.js', import.meta.url).href)
  const { cpu } = await nativeStatus()
  say(
    cpu.usable
      ? `TensorFlow ${cpu.tensorflowVersion}`
      : `left out: ${cpu.reason} (from here: npm run ps3 -- native install)`,
  )
  return 0
}
