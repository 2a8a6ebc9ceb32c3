// Runs inside a page: a few steps, and whether anything was drawn.
import { answerOpener } from '../../tools/chromium/page.ts'
import { trainInPage } from './app.mjs'

await answerOpener(async () => {
  const [status, curve, maps] = [
    document.createElement('p'),
    document.createElement('canvas'),
    document.createElement('canvas'),
  ]
  const losses = await trainInPage(
    { status, curve, maps },
    {
      backend: 'wasm',
      wasmPaths: new URL('wasm/', document.baseURI).href,
      steps: 3,
      batch: 8,
      schedule: { warmupSteps: 1 },
      log: { every: 1, imagesEvery: 3 },
      evaluation: { samples: 4, budgets: [0.05] },
    },
  )
  const drawn = [curve, maps].map((canvas) => {
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height)
    return data.some((value) => value !== 0)
  })
  return { losses, drawn, status: status.textContent }
})
