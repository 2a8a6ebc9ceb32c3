// Runs the first ```ts block of a README, so that what people copy is known to work.
// The block uses no TypeScript-only syntax; a comment behind `console.log(…)` says what it prints.

import { readFileSync } from 'node:fs'

export interface ExampleRun {
  /** What each `console.log` printed, values joined by spaces. */
  printed: string[]
  /** What the comments behind them promise. */
  promised: string[]
}

type AsyncFunction = new (...parametersAndBody: string[]) => (...values: unknown[]) => Promise<void>

const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor as AsyncFunction

/** `modules`: what the block may import, by package name. `values`: names that stand for the reader's own things. */
export async function runReadmeExample(
  readme: URL,
  modules: Record<string, object>,
  values: Record<string, unknown> = {},
): Promise<ExampleRun> {
  const block = /```ts\n([\s\S]*?)```/.exec(readFileSync(readme, 'utf8'))?.[1]
  if (!block) throw new Error(`${readme.pathname} has no ts block`)
  const body = block.replace(
    /^import (\{[^}]*\}) from '([^']+)'$/gm,
    (_, names: string, name: string) =>
      `const ${names.replaceAll(' as ', ': ')} = modules[${JSON.stringify(name)}]`,
  )
  const printed: string[] = []
  const log = (...parts: unknown[]) => void printed.push(parts.join(' '))
  const run = new AsyncFunction('modules', 'console', ...Object.keys(values), body)
  await run(modules, { log }, ...Object.values(values))
  const promised = [...block.matchAll(/console\.log\(.*\) *\/\/ (.*)$/gm)].map((match) => match[1]!)
  return { printed, promised }
}
