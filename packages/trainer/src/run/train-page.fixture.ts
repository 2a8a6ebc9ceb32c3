// Runs inside a page: a few steps of training and an evaluation, with what the sink was given as the answer.
import { useBackend } from '@ps3js/tensor'
import { answerOpener } from '../../../../tools/chromium/page.ts'
import { trainWithoutFolder } from './without-folder.fixture.ts'

await answerOpener(async () => {
  await useBackend('wasm', { wasmPaths: new URL('wasm/', document.baseURI).href })
  return trainWithoutFolder()
})
