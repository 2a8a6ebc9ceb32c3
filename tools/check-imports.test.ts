// The rules about imports catch what they are there for.
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkImports } from './check-imports.mjs'

const workspace = fileURLToPath(new URL('..', import.meta.url))
let root: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ps3-imports-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

async function plant(file: string, source: string): Promise<void> {
  await mkdir(dirname(join(root, file)), { recursive: true })
  await writeFile(join(root, file), source)
}

describe('imports between packages', () => {
  it.each([
    ['packages/patch-selector/src/a.ts', "import '@tensorflow/tfjs-core'", 'by tensor alone'],
    ['packages/cli/src/a.ts', "export * from '@tensorflow/tfjs-core'", 'by tensor alone'],
    ['packages/cli/src/a.ts', "const tf = await import('@tensorflow/tfjs-core')", 'by tensor alone'],
    ['packages/tensor/src/a.ts', "import type { A } from '@ps3js/ps3-encoder'", 'no other package'],
    ['packages/patch-selector/src/a.ts', "import { a } from '@ps3js/ps3-encoder'", 'tensor'],
    ['packages/cli/src/a.ts', "import { a } from '@ps3js/tensor/src/ops/a.ts'", 'use its entry'],
    ['packages/cli/src/a.test.ts', "import { a } from '../../tensor/src/index.ts'", 'leaves the package'],
    ['packages/cli/src/a.ts', "import { a } from '../../../tools/test-support.ts'", 'leaves the package'],
    ['packages/new/src/a.ts', 'export {}', 'no place in the order'],
  ])('finds %s: %s', async (file, source, message) => {
    await plant(file, source)
    const problems = checkImports(root)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(message)
  })

  it('lets through what is allowed', async () => {
    await plant('packages/tensor/src/a.ts', "import '@tensorflow/tfjs-core'\nimport './b.ts'")
    await plant('packages/ps3-encoder/src/a.ts', "import '@ps3js/tensor'\nimport '@ps3js/patch-selector'")
    await plant(
      'packages/cli/src/a.test.ts',
      "import '../../../tools/test-support.ts'\nimport '@ps3js/tensor'",
    )
    await plant(
      'packages/cli/src/words.ts',
      "// import '@tensorflow/tfjs-core'\nexport const a = '@tensorflow/x'",
    )
    expect(checkImports(root)).toEqual([])
  })

  it('finds nothing in this workspace', () => {
    expect(checkImports(workspace)).toEqual([])
  })
})

describe('cycles between files', () => {
  const lint = () =>
    new Promise<string>((done) => {
      const biome = join(workspace, 'node_modules/@biomejs/biome/bin/biome')
      const args = [biome, 'lint', '--colors=off', '--max-diagnostics=20', '.']
      execFile(process.execPath, args, { cwd: root }, (_error, stdout, stderr) => done(stdout + stderr))
    })

  beforeEach(async () => {
    await cp(join(workspace, 'biome.json'), join(root, 'biome.json'))
    // The configuration reads it.
    await writeFile(join(root, '.gitignore'), 'dist/\n')
  })

  it('are found by the linter as configured', async () => {
    await plant('packages/tensor/src/a.ts', "import { c } from './b.ts'\n\nexport const a = () => c()\n")
    await plant('packages/tensor/src/b.ts', "import { d } from './d.ts'\n\nexport const c = () => d()\n")
    await plant('packages/tensor/src/d.ts', "import { a } from './a.ts'\n\nexport const d = () => a()\n")
    const output = await lint()
    expect(output).toContain('noImportCycles')
    expect(output).toContain('Found 3 errors')
  })

  it('are not seen where there are none', async () => {
    await plant('packages/tensor/src/a.ts', "import { c } from './b.ts'\n\nexport const a = () => c()\n")
    await plant('packages/tensor/src/b.ts', 'export const c = () => 1\n')
    expect(await lint()).not.toContain('noImportCycles')
  })
})
