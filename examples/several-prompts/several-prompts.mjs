// One low-res pass, several prompts: where does each of them look, and how much of that did the first one see?
// usage: node several-prompts.mjs MODEL PICTURE PROMPT...
import { pathToFileURL } from 'node:url'
import { countPatches, subtractSelection } from '@ps3js/patch-selector'
import { decodeImage, loadPretrained } from '@ps3js/ps3-encoder'
import { useBackend } from '@ps3js/tensor'

/** Per prompt: how many patches were looked at, and how many of them for the first prompt too. */
export async function comparePrompts(model, picture, prompts) {
  const { encoder } = await loadPretrained(model)
  const view = await encoder.lowRes(await decodeImage(picture))
  const results = []
  let first
  for (const prompt of prompts) {
    const encoding = await view.encode({ prompt })
    const [selection] = encoding.selections
    first ??= selection
    const patches = countPatches(selection)
    results.push({ prompt, patches, shared: patches - countPatches(subtractSelection(selection, first)) })
    encoding.dispose()
  }
  view.dispose()
  encoder.dispose()
  return results
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [model, picture, ...prompts] = process.argv.slice(2)
  const { describe } = await useBackend('auto')
  process.stderr.write(`${describe}\n`)
  for (const { prompt, patches, shared } of await comparePrompts(model, picture, prompts)) {
    process.stdout.write(`${prompt}: ${patches} patches, ${shared} of them also for "${prompts[0]}"\n`)
  }
}
