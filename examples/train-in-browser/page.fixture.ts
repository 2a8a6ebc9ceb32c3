// Runs inside a page that holds the example's page in a frame: presses its buttons and reads what it shows.
import { answerOpener } from '../../tools/chromium/page.ts'

export interface Shown {
  /** What the page said last. */
  message: string
  backend: string
  /** Of every step. */
  losses: number[]
  tensors: number[]
  /** Whether the loss and the maps were drawn. */
  drawn: boolean[]
  /** Times that the page's own thread was free, at most one in 20 ms, while the worker trained. */
  ticks: number
}

interface Wanted {
  query: string
  /** Press the button after this step and, once the run has stopped, again. */
  stopAfter?: number
}

await answerOpener(async ({ query, stopAfter }: Wanted): Promise<Shown> => {
  const frame = document.body.appendChild(document.createElement('iframe'))
  frame.width = '800'
  frame.height = '1200'
  frame.src = `page/index.html${query}`
  await new Promise((resolve) => frame.addEventListener('load', resolve))
  const page = frame.contentDocument!
  const text = (id: string) => page.getElementById(id)!.textContent!
  const button = page.getElementById('run')!
  const state = () => page.body.dataset.state
  const losses: number[] = []
  const tensors: number[] = []
  let ticks = 0
  const clock = setInterval(() => ticks++, 20)
  // The page writes a step's number first, and all of it at once.
  new MutationObserver(() => {
    losses.push(Number(text('loss')))
    tensors.push(Number(text('tensors')))
    if (losses.length === stopAfter) button.click()
  }).observe(page.getElementById('step')!, { childList: true })
  button.click()
  while (!['done', 'failed'].includes(state()!)) {
    if (state() === 'stopped') button.click()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  clearInterval(clock)
  return {
    message: text('message'),
    backend: text('backend'),
    losses,
    tensors,
    drawn: [page.getElementById('plot')!, ...page.querySelectorAll('.example canvas')].map(isDrawn),
    ticks,
  }
})

function isDrawn(canvas: Element): boolean {
  const { width, height } = canvas as HTMLCanvasElement
  const { data } = (canvas as HTMLCanvasElement).getContext('2d')!.getImageData(0, 0, width, height)
  return data.some((value, i) => value !== data[i % 4])
}
