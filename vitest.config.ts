// One runner for every package; tests import the sources, so no build is needed first.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['@ps3js/source'] },
  ssr: { resolve: { conditions: ['@ps3js/source', 'node', 'import', 'default'] } },
  test: {
    include: [
      'packages/*/src/**/*.test.ts',
      'packages/*/test/**/*.test.ts',
      'examples/*/*.test.ts',
      'tools/*.test.ts',
    ],
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    server: { deps: { inline: [/@tensorflow\/tfjs-core\/dist\/(gradients|public)/] } },
  },
})
