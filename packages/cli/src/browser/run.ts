// Runs a script in a page of a real headless Chromium and brings its result back.
import { BackendError } from '@ps3js/tensor'
import { type LaunchOptions, launchChromium } from './launch.ts'
import { type PageOptions, servePage } from './serve.ts'

export interface RunOptions extends PageOptions, LaunchOptions {
  /** How long the page may take; default 5 minutes. */
  timeoutMs?: number
  signal?: AbortSignal
}

/** Opens the page, waits for its report and cleans up, whatever happens. */
export async function runInChromium<T>(options: RunOptions): Promise<T> {
  const { timeoutMs = 300_000, signal } = options
  signal?.throwIfAborted()
  const server = await servePage(options)
  try {
    const browser = await launchChromium(server.url, options)
    let stop: () => void = () => {}
    let timer: ReturnType<typeof setTimeout> | undefined
    try {
      return (await Promise.race([
        server.result,
        browser.exited.then((said) => {
          throw new BackendError(`Chromium ended before the page reported: ${said.trim().slice(-800)}`)
        }),
        new Promise<never>((_, reject) => {
          timer = setTimeout(
            () => reject(new BackendError(`the page did not report within ${timeoutMs / 1000} s`)),
            timeoutMs,
          )
          stop = () => reject(signal?.reason)
          signal?.addEventListener('abort', stop, { once: true })
        }),
      ])) as T
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
      await browser.close()
    }
  } finally {
    await server.close()
  }
}
