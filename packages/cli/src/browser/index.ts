// Running code in a real browser from Node: find one, serve a page, open it, bring its result back.

export { CHROMIUM_HINT, findChromium } from './find.ts'
export { type LaunchOptions, launchChromium, type RunningBrowser } from './launch.ts'
export { type RunOptions, runInChromium } from './run.ts'
export { type PageOptions, type PageServer, servePage } from './serve.ts'
