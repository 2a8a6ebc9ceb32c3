// `ps3 bench language`: reading a prompt and answering greedily with a random language model, alone or in turn with a peer.

import { generate, packedLayers, parseLanguageModelConfig, Qwen2 } from '@ps3js/language-model'
import {
  alignedFloat32,
  type BackendChoice,
  backendInfo,
  type PackedFormat,
  Random,
  ResourceError,
  TensorScope,
  useBackend,
} from '@ps3js/tensor'
import type { Command } from 'commander'
import { backendChoice } from '../backend-choice.ts'
import type { CliContext } from '../context.ts'
import { formatCount, formatTable } from '../format.ts'
import { oneOf, whole } from '../option-values.ts'
import { median, peakMegabytes } from './measure.ts'
import { runCommand, shellQuote } from './peer.ts'

/** Models by `config.json`. */
const PRESETS = {
  tiny: {
    vocab_size: 320,
    hidden_size: 64,
    intermediate_size: 176,
    num_hidden_layers: 2,
    num_attention_heads: 4,
  },
  /** Qwen2-0.5B. */
  '0.5b': {
    vocab_size: 151936,
    hidden_size: 896,
    intermediate_size: 4864,
    num_hidden_layers: 24,
    num_attention_heads: 14,
    rope_theta: 1e6,
  },
}
type Preset = keyof typeof PRESETS

const WEIGHTS = ['f32', 'bf16', 'f16', 'int8', 'int4'] as const

interface Flags {
  backend: BackendChoice
  preset: Preset
  weights: 'f32' | PackedFormat
  prefill: number
  decode: number
  repeat: number
  peer?: string
  json?: boolean
}

export interface BenchLanguageRun {
  prefillTokensPerSecond: number
  decodeTokensPerSecond: number
  /** Processor time of all threads. */
  prefillCpuSecondsPerToken: number
  decodeCpuSecondsPerToken: number
}

export interface BenchLanguageResult {
  preset: Preset
  weights: string
  backend: string
  parameters: number
  /** Of the weights in memory. */
  weightMegabytes: number
  prefillTokens: number
  decodeTokens: number
  runs: BenchLanguageRun[]
  peakMegabytes: number
}

export function registerBenchLanguage(bench: Command, context: CliContext): void {
  bench
    .command('language')
    .description('a random language model: tokens a second of a prompt and of an answer')
    .option(
      '--backend <name>',
      'cpu, wasm, node, node-gpu or webgpu, or several in order',
      backendChoice,
      'auto',
    )
    .option('--preset <name>', 'tiny or 0.5b', oneOf('--preset', Object.keys(PRESETS) as Preset[]), '0.5b')
    .option('--weights <format>', 'f32, bf16, f16, int8 or int4', oneOf('--weights', WEIGHTS), 'f32')
    .option('--prefill <n>', 'tokens of the prompt', whole('--prefill', 1), 1024)
    .option('--decode <n>', 'tokens of the answer', whole('--decode', 2), 64)
    .option(
      '--repeat <n>',
      'runs that count after one that does not, or turns with the peer',
      whole('--repeat', 1),
      3,
    )
    .option(
      '--peer <command>',
      'run this shell command in turn; it prints {"prefill_tokens_per_s": …, "decode_tokens_per_s": …, "peak_rss_mb": …}',
    )
    .option('--json', 'print one JSON object')
    .action(async (flags: Flags) => {
      const result = flags.peer
        ? await againstPeer(flags.peer, flags, context)
        : await measure(flags, context)
      context.progress.clear()
      if (flags.json) return context.stdout(`${JSON.stringify(result)}\n`)
      context.stdout('peer' in result ? peerTable(result) : table(result))
    })
}

async function measure(flags: Flags, { signal, progress }: CliContext): Promise<BenchLanguageResult> {
  const { preset, weights, prefill, decode, repeat } = flags
  await useBackend(flags.backend)
  const config = parseLanguageModelConfig({
    ...PRESETS[preset],
    num_key_value_heads: 2,
    tie_word_embeddings: true,
  })
  using scope = new TensorScope()
  const model = scope.track(new Qwen2(config, weights === 'f32' ? undefined : packedLayers(weights)))
  progress.step('random weights')
  await model.loadStateDict(noise(model))
  const random = new Random(1)
  const prompt = Int32Array.from({ length: prefill }, () => Math.floor(random.uniform() * config.vocabSize))
  const runs: BenchLanguageRun[] = []
  for (let i = 0; i <= repeat; i++) {
    let clock = now()
    let read = clock
    for await (const { index } of generate(model, [{ prompt }], { maxTokens: decode, signal })) {
      if (index > 0) continue
      read = since(clock)
      clock = now()
    }
    const answered = since(clock)
    progress.step(`run ${i}: ${((decode - 1) / answered.wall).toFixed(2)} tokens/s`)
    if (i === 0) continue
    runs.push({
      prefillTokensPerSecond: prefill / read.wall,
      decodeTokensPerSecond: (decode - 1) / answered.wall,
      prefillCpuSecondsPerToken: read.cpu / prefill,
      decodeCpuSecondsPerToken: answered.cpu / (decode - 1),
    })
  }
  return {
    ...{ preset, weights, backend: backendInfo()?.describe ?? '', parameters: model.parameterCount },
    weightMegabytes: model.byteLength / 2 ** 20,
    ...{ prefillTokens: prefill, decodeTokens: decode, runs, peakMegabytes: peakMegabytes() },
  }
}

function now() {
  const { user, system } = process.cpuUsage()
  return { wall: performance.now() / 1000, cpu: (user + system) / 1e6 }
}

function since(before: ReturnType<typeof now>) {
  const after = now()
  return { wall: after.wall - before.wall, cpu: after.cpu - before.cpu }
}

/** Weights of the size that training starts with, from one block of noise: half a billion draws would take a minute. */
function noise(model: Qwen2) {
  const block = new Random(0).fillNormal(new Float32Array(65_521), model.config.initializerRange)
  const shapes = new Map([...model.namedParameters()].map(([name, { shape }]) => [name, shape]))
  let at = 0
  return {
    names: () => shapes.keys(),
    shape: (name: string) => shapes.get(name)!,
    async read(name: string) {
      const values = alignedFloat32(shapes.get(name)!.reduce((a, b) => a * b, 1))
      if (name.endsWith('norm.weight')) return values.fill(1)
      for (let done = 0; done < values.length; ) {
        const piece = block.subarray(at, at + values.length - done)
        values.set(piece, done)
        done += piece.length
        at = (at + piece.length) % block.length
      }
      return values
    },
  }
}

interface PeerSpeeds {
  prefill: number
  decode: number
  peakMegabytes: number | null
}

interface PeerResult {
  ours: BenchLanguageResult[]
  peer: PeerSpeeds[]
  /** Our tokens a second over the peer's (medians), and highest peak memories. */
  ratio: { prefill: number; decode: number; peak: number | null }
}

/** Ours and the peer's in turn, each run a process of its own. */
async function againstPeer(command: string, flags: Flags, context: CliContext): Promise<PeerResult> {
  const ours: BenchLanguageResult[] = []
  const peer: PeerSpeeds[] = []
  const { backend, preset, weights, prefill, decode } = flags
  const given = Object.entries({ backend, preset, weights, prefill, decode, repeat: 1 })
  const args = [
    'bench',
    'language',
    ...given.flatMap(([name, value]) => [`--${name}`, String(value)]),
    '--json',
  ]
  for (let i = 0; i < flags.repeat; i++) {
    context.progress.step(`ours, turn ${i + 1} of ${flags.repeat}`)
    const { stdout } = await runCommand([...context.self, ...args].map(shellQuote).join(' '), context.signal)
    ours.push(JSON.parse(stdout) as BenchLanguageResult)
    context.progress.step(`the peer, turn ${i + 1} of ${flags.repeat}`)
    peer.push(peerSpeeds((await runCommand(command, context.signal)).stdout))
  }
  const runs = ours.flatMap((result) => result.runs)
  const ratio = (mine: (run: BenchLanguageRun) => number, theirs: (run: PeerSpeeds) => number) =>
    median(runs.map(mine)) / median(peer.map(theirs))
  const peaks = peer.flatMap((run) => run.peakMegabytes ?? [])
  return {
    ours,
    peer,
    ratio: {
      prefill: ratio(
        (run) => run.prefillTokensPerSecond,
        (run) => run.prefill,
      ),
      decode: ratio(
        (run) => run.decodeTokensPerSecond,
        (run) => run.decode,
      ),
      peak: peaks.length > 0 ? Math.max(...ours.map((one) => one.peakMegabytes)) / Math.max(...peaks) : null,
    },
  }
}

function peerSpeeds(stdout: string): PeerSpeeds {
  for (const line of stdout.split('\n').reverse()) {
    try {
      const report = JSON.parse(line) as Record<string, unknown>
      const { prefill_tokens_per_s: prefill, decode_tokens_per_s: decode, peak_rss_mb: peak } = report
      if (typeof prefill !== 'number' || typeof decode !== 'number') continue
      return { prefill, decode, peakMegabytes: typeof peak === 'number' ? peak : null }
    } catch {
      // Not its report.
    }
  }
  throw new ResourceError(
    'the peer printed no line of JSON with prefill_tokens_per_s and decode_tokens_per_s; its output cannot be compared',
  )
}

const megabytes = (value: number | null) => (value === null ? '-' : `${formatCount(value)} MB`)
const milliseconds = (seconds: number) => `${(seconds * 1000).toFixed(1)} ms`

function table(result: BenchLanguageResult): string {
  return formatTable([
    [`${result.preset}, ${result.weights}`, result.backend],
    ['parameters', formatCount(result.parameters)],
    ['weights', megabytes(result.weightMegabytes)],
    ['', 'prefill tokens/s', 'CPU a token', 'decode tokens/s', 'CPU a token'],
    ...result.runs.map((run, i) => [
      `run ${i + 1}`,
      run.prefillTokensPerSecond.toFixed(1),
      milliseconds(run.prefillCpuSecondsPerToken),
      run.decodeTokensPerSecond.toFixed(2),
      milliseconds(run.decodeCpuSecondsPerToken),
    ]),
    ['peak memory', megabytes(result.peakMegabytes)],
  ])
}

function peerTable({ ours, peer, ratio }: PeerResult): string {
  return formatTable([
    ['', 'prefill tokens/s', 'decode tokens/s', 'peak memory'],
    ...ours.flatMap((result, i) => [
      ...result.runs.map((run) => [
        `ours, turn ${i + 1}`,
        run.prefillTokensPerSecond.toFixed(1),
        run.decodeTokensPerSecond.toFixed(2),
        megabytes(result.peakMegabytes),
      ]),
      [
        `peer, turn ${i + 1}`,
        peer[i]!.prefill.toFixed(1),
        peer[i]!.decode.toFixed(2),
        megabytes(peer[i]!.peakMegabytes),
      ],
    ]),
    [
      'ours / peer',
      ratio.prefill.toFixed(2),
      ratio.decode.toFixed(2),
      ratio.peak === null ? '-' : ratio.peak.toFixed(2),
    ],
  ])
}
