// `ps3 verify`: proof that this machine and backend compute what the reference computes.

import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BackendName, PS3Error, useBackend } from '@ps3js/tensor'
import type { Command } from 'commander'
import { runInChromium } from '../browser/index.ts'
import type { CliContext } from '../context.ts'
import { directoryStore, filesBelow } from './directory-store.ts'
import { nodeKinds } from './node-kinds.ts'
import type { CaseReport, VerifyReport } from './report.ts'
import { verify } from './run.ts'

interface VerifyFlags {
  backend?: string
  browser?: boolean
  hardwareGpu?: boolean
  filter?: string
  json?: boolean
}

export function registerVerify(program: Command, context: CliContext): void {
  program
    .command('verify')
    .description('replay recorded cases of the reference and compare every output')
    .argument(
      '<dir>',
      'a folder of recorded cases: a model family, another kind, or a folder of such folders',
    )
    .option('--backend <name>', 'cpu, wasm, node, node-gpu or webgpu (default: the best there is)')
    .option(
      '--browser',
      'run in headless Chromium instead of Node; webgpu does so by itself where Node has no GPU',
    )
    .option('--hardware-gpu', "in Chromium, use the machine's GPU instead of the software one")
    .option('--filter <text>', 'only cases whose name holds this text')
    .option('--json', 'print one JSON object instead of lines')
    .action(async (directory: string, flags: VerifyFlags) => {
      const report = (await useChromium(flags, context))
        ? await verifyInBrowser(directory, flags, context)
        : await verifyHere(directory, flags, context)
      if (flags.json) context.stdout(`${JSON.stringify(report, jsonNumbers)}\n`)
      else context.stdout(`${summary(report)}\n`)
      process.exitCode = report.ok ? 0 : 1
    })
}

/** Node reaches a GPU only through an optional package and a driver; a browser brings its own. */
async function useChromium({ backend, browser }: VerifyFlags, { stderr }: CliContext): Promise<boolean> {
  if (browser || backend !== 'webgpu') return browser ?? false
  try {
    await useBackend('webgpu')
    return false
  } catch (error) {
    if (!(error instanceof PS3Error)) throw error
    stderr('no WebGPU in Node here: verifying in headless Chromium\n')
    return true
  }
}

async function verifyHere(
  directory: string,
  { backend, filter, json }: VerifyFlags,
  { stdout, signal }: CliContext,
): Promise<VerifyReport> {
  const store = await directoryStore(directory)
  await useBackend((backend ?? 'auto') as BackendName | 'auto')
  return verify(store, {
    filter,
    signal,
    nodeKinds,
    onCase: json ? undefined : (report) => stdout(caseLines(report)),
  })
}

async function verifyInBrowser(
  directory: string,
  { backend = 'webgpu', filter, json, hardwareGpu }: VerifyFlags,
  { stdout, signal }: CliContext,
): Promise<VerifyReport> {
  const files = await filesBelow(directory)
  const report = await runInChromium<VerifyReport>({
    folders: {
      app: join(dirname(fileURLToPath(import.meta.url)), 'page'),
      fixtures: directory,
      wasm: wasmFolder(),
    },
    script: 'app/verify-page.js',
    params: { backend, filter, files },
    softwareGpu: !hardwareGpu,
    timeoutMs: 3_600_000,
    signal,
  })
  const cases = report.cases.map(restoreNumbers)
  if (!json) for (const one of cases) stdout(caseLines(one))
  return { ...report, cases }
}

/** The WebAssembly backend's files, in the package that `tensor` takes them from. */
function wasmFolder(): string {
  const tensor = createRequire(import.meta.url).resolve('@ps3js/tensor/package.json')
  return join(dirname(createRequire(tensor).resolve('@tensorflow/tfjs-backend-wasm/package.json')), 'dist')
}

/** JSON has no Infinity: a missing output's error is written as null and read back here. */
function restoreNumbers(report: CaseReport): CaseReport {
  const outputs = report.outputs.map((o) => ({ ...o, maxAbs: o.maxAbs ?? Number.POSITIVE_INFINITY }))
  return { ...report, outputs }
}

const jsonNumbers = (_key: string, value: unknown) => (value === Number.POSITIVE_INFINITY ? null : value)

function caseLines({ name, ok, departs, outputs }: CaseReport): string {
  const verdict = ok ? (departs ? 'departs' : 'ok') : 'FAILED'
  const lines = outputs.map(({ name, maxAbs, tolerance, ok, detail }) => {
    const numbers = `${maxAbs.toExponential(2)} of ${tolerance.toExponential(2)}`
    return `      ${ok ? ' ' : '!'} ${name.padEnd(28)} ${numbers}${detail ? `  ${detail}` : ''}`
  })
  return `${[`${verdict.padEnd(8)}${name}${departs ? ` (${departs})` : ''}`, ...lines].join('\n')}\n`
}

function summary({ ok, cases }: VerifyReport): string {
  const failed = cases.filter((report) => !report.ok).length
  const departs = cases.filter((report) => report.departs).length
  return `${ok ? 'agrees' : 'DOES NOT AGREE'}: ${cases.length - failed} of ${cases.length} cases, ${departs} of them depart on purpose`
}
