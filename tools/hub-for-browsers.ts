// The hub client's package has a browser build that its `exports` never name; bundlers then meet `fs` and `crypto`.
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Plugin } from 'esbuild'

/** Resolves `@huggingface/hub` to its browser build, from wherever it is imported. */
export const hubForBrowsers: Plugin = {
  name: 'hub-for-browsers',
  setup({ onResolve }) {
    onResolve({ filter: /^@huggingface\/hub$/ }, ({ resolveDir }) => {
      const main = createRequire(join(resolveDir, 'index.js')).resolve('@huggingface/hub')
      return { path: join(dirname(main), 'browser', 'index.mjs') }
    })
  },
}
