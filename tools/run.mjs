// What `npm start`, `npm test` and `npm run ps3` do: install what is missing, build what changed, then the job.
// Plain JavaScript without dependencies, as nothing is installed yet when it starts.
import { join } from 'node:path'
import { ensureBuilt, ensureInstalled } from './lib/prepare.mjs'
import { Interrupted, run } from './lib/processes.mjs'
import { startArguments } from './lib/start-arguments.mjs'
import { checkEverything, summary } from './lib/test-run.mjs'
import { root } from './lib/workspace.mjs'

const USAGE = 'usage: node tools/run.mjs start|test|ps3|summary [arguments]'
const OLDEST = [20, 19]

const [command, ...args] = process.argv.slice(2)
process.exitCode = await main().catch((error) => {
  process.stderr.write(`${error.message}\n`)
  return error instanceof Interrupted ? 130 : 1
})

async function main() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    throw new Error(
      `Node ${OLDEST.join('.')} or later is needed, and this is ${process.versions.node}: see https://nodejs.org`,
    )
  }
  switch (command) {
    case 'start':
      return ps3(startArguments(args, join(root, 'packages/cli/assets/sample.jpg')))
    case 'ps3':
      return ps3(args)
    case 'test':
      return checkEverything(args)
    case 'summary':
      return summary()
    default:
      throw new Error(USAGE)
  }
}

async function ps3(cliArguments) {
  await ensureInstalled()
  await ensureBuilt({ types: false })
  // npm runs scripts in the workspace's folder; a picture's path is relative to where the person is.
  const cwd = process.env.INIT_CWD ?? process.cwd()
  return run(process.execPath, [join(root, 'packages/cli/dist/bin.js'), ...cliArguments], { cwd })
}
