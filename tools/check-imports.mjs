// Who may import what: packages build on each other one way, and TensorFlow.js stays behind `tensor`.
// Cycles between files are the linter's business (biome: noImportCycles).
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

/** Each package, and those that it may import. */
export const LAYERS = {
  tensor: [],
  'patch-selector': ['tensor'],
  'ps3-encoder': ['tensor', 'patch-selector'],
  'contrastive-loss': ['tensor'],
  'language-model': ['tensor'],
  'vila-hd-connector': ['tensor'],
  'vila-hd': ['tensor', 'patch-selector', 'ps3-encoder', 'language-model', 'vila-hd-connector'],
  'data-pipeline': ['tensor'],
  'data-synth': ['tensor', 'data-pipeline'],
  trainer: [
    'tensor',
    'patch-selector',
    'ps3-encoder',
    'contrastive-loss',
    'language-model',
    'vila-hd-connector',
    'vila-hd',
    'data-pipeline',
  ],
  cli: [
    'tensor',
    'patch-selector',
    'ps3-encoder',
    'contrastive-loss',
    'language-model',
    'vila-hd-connector',
    'vila-hd',
    'data-pipeline',
    'data-synth',
    'trainer',
  ],
}
const SCOPE = '@ps3js/'

/** Every import that breaks a rule, as `file: what is wrong`. */
export function checkImports(root, layers = LAYERS) {
  const packages = join(root, 'packages')
  const names = existsSync(packages) ? readdirSync(packages).sort() : []
  const unknown = names.filter((name) => !Object.hasOwn(layers, name))
  return [
    ...unknown.map(
      (name) => `packages/${name}: has no place in the order of the packages (tools/check-imports.mjs)`,
    ),
    ...names.flatMap((name) => checkPackage(root, name, layers)),
  ]
}

function checkPackage(root, name, layers) {
  const folder = join(root, 'packages', name)
  return sourcesOf(folder).flatMap((file) => {
    const isTest = relative(folder, file).startsWith(`test${sep}`) || /\.(test|fixture)\.ts$/.test(file)
    const { importedFiles } = ts.preProcessFile(readFileSync(file, 'utf8'), true, true)
    return importedFiles
      .map(({ fileName }) => problem(fileName, { root, name, folder, file, isTest, layers }))
      .filter((found) => found !== undefined)
      .map((found) => `${relative(root, file).split(sep).join('/')}: ${found}`)
  })
}

function problem(specifier, { root, name, folder, file, isTest, layers }) {
  if (specifier.startsWith('.')) {
    const target = resolve(dirname(file), specifier)
    if (target.startsWith(folder + sep)) return undefined
    // Tests share helpers that no package publishes.
    if (isTest && target.startsWith(join(root, 'tools') + sep)) return undefined
    return `${specifier} leaves the package; import a package by its name`
  }
  if (specifier.startsWith('@tensorflow/')) {
    return name === 'tensor'
      ? undefined
      : `${specifier} may be imported by tensor alone; import it from ${SCOPE}tensor`
  }
  if (!specifier.startsWith(SCOPE)) return undefined
  const [other, ...rest] = specifier.slice(SCOPE.length).split('/')
  if (rest.length > 0 && rest[0] !== 'package.json')
    return `${specifier} reaches into another package; use its entry`
  if (other === name || layers[name]?.includes(other)) return undefined
  return `${name} may not import ${SCOPE}${other}; it may import ${layers[name]?.join(', ') || 'no other package'}`
}

function sourcesOf(folder) {
  return ['src', 'test'].flatMap((part) => {
    const dir = join(folder, part)
    if (!existsSync(dir)) return []
    return readdirSync(dir, { recursive: true })
      .filter((name) => /\.tsx?$/.test(name))
      .map((name) => join(dir, name))
      .sort()
  })
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const problems = checkImports(dirname(dirname(fileURLToPath(import.meta.url))))
  for (const line of problems) process.stderr.write(`${line}\n`)
  process.exitCode = problems.length === 0 ? 0 : 1
}
