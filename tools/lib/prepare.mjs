// Installing the workspace's packages and building them: at once when nothing changed since the last time.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { runQuietly } from './processes.mjs'
import { cacheDir, filesBelow, hashFiles, PACKAGES, root } from './workspace.mjs'

const say = (line) => process.stderr.write(`${line}\n`)
const manifests = () =>
  ['', ...PACKAGES.map((name) => `packages/${name}`)].map((dir) => join(root, dir, 'package.json'))

/** Installs with pnpm, fetched through npm, when packages are missing or the lockfile changed. */
export async function ensureInstalled() {
  const stamp = join(root, 'node_modules/.ps3-install')
  const wanted = hashFiles(
    [join(root, 'pnpm-lock.yaml'), join(root, 'pnpm-workspace.yaml'), ...manifests()],
    process.platform,
    process.arch,
  )
  if (read(stamp) === wanted) return
  say('Installing packages (a few minutes the first time) …')
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const [file, ...first] = npx()
  const args = ['--yes', packageManager, 'install', '--frozen-lockfile', '--reporter=append-only']
  await runQuietly('Installing packages', file, [...first, ...args], { env: { CI: 'true' } })
  writeFileSync(stamp, wanted)
}

/** Builds the packages when a source changed. Without `types` it takes seconds, and no .d.ts files come out. */
export async function ensureBuilt({ types }) {
  const stamp = join(cacheDir, 'built')
  const sources = PACKAGES.flatMap((name) =>
    ['src', 'assets'].flatMap((dir) => filesBelow(join(root, 'packages', name, dir))),
  )
  const recipes = ['tools/tsup-preset.ts', 'tsconfig.base.json', 'pnpm-lock.yaml'].map((name) =>
    join(root, name),
  )
  const configs = PACKAGES.map((name) => join(root, 'packages', name, 'tsup.config.ts'))
  const built = hashFiles([...sources, ...recipes, ...configs, ...manifests()])
  const there = existsSync(join(root, 'packages/cli/dist/bin.js'))
  const last = there ? read(stamp) : undefined
  if (last === `${built} with types` || (!types && last === `${built} without types`)) return
  rmSync(stamp, { force: true })
  say(types ? 'Building the packages …' : 'Building the command …')
  const args = ['run', 'build', '--output-logs=errors-only', '--no-update-notifier']
  // Without a terminal's colours, and without turbo's own interface.
  const env = { TURBO_UI: 'false', ...(types ? {} : { PS3_BUILD_TYPES: 'no' }) }
  await runQuietly('Building', 'turbo', args, { env })
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, `${built} ${types ? 'with' : 'without'} types`)
}

/** How to start npx: the one beside the npm that runs this, else the one on the path. */
function npx() {
  const beside = process.env.npm_execpath && join(dirname(process.env.npm_execpath), 'npx-cli.js')
  return beside && existsSync(beside) ? [process.execPath, beside] : ['npx']
}

function read(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}
