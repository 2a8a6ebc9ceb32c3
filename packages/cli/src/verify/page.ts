// The page of `ps3 verify --browser`: the same replay, inside Chromium.

import { type BackendName, useBackend } from '@ps3js/tensor'
import { answerOpener } from '../browser/page.ts'
import { verify } from './run.ts'
import { httpStore } from './store.ts'

await answerOpener(
  async ({ backend, filter, files }: { backend: BackendName; filter?: string; files: string[] }) => {
    // The page lies under a path of its own on its server.
    const at = (folder: string) => new URL(folder, document.baseURI).href
    await useBackend(backend, { wasmPaths: at('wasm/') })
    return verify(httpStore(at('fixtures'), files), { filter })
  },
)
