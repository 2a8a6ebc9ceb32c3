// The page's side of the conversation: what a script that `runInChromium` opens calls. Runs in the browser.

interface PageBridge {
  fail(error: unknown): Promise<unknown>
  report(value: unknown): Promise<unknown>
  params(): Promise<unknown>
}

/** Runs `work` on the parameters that the opener gave and sends back what it returns (JSON), or its error. */
export async function answerOpener<P>(work: (params: P) => Promise<unknown>): Promise<void> {
  const bridge = (globalThis as typeof globalThis & { ps3Page?: PageBridge }).ps3Page
  if (!bridge) throw new Error('this page was not opened by runInChromium')
  try {
    await bridge.report(await work((await bridge.params()) as P))
  } catch (error) {
    await bridge.fail(error)
  }
}
