// Where a Chromium may be: CHROME_PATH, the usual places of the system, Playwright's cache.
import { access, constants, readdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

/** What to do on a machine without one. */
export const CHROMIUM_HINT =
  'install Chromium (Debian: apt-get install chromium; anywhere: npx playwright install chromium) or set CHROME_PATH'

const COMMANDS = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  'chrome',
  'microsoft-edge',
]
const FIXED = [
  '/usr/bin/chromium',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
]
const IN_PLAYWRIGHT = [
  'chrome-linux/chrome',
  'chrome-linux64/chrome',
  'chrome-mac/Chromium.app/Contents/MacOS/Chromium',
  'chrome-win/chrome.exe',
]

/** Path of the first Chromium found, or `undefined`. A CHROME_PATH that is set is the only place looked at. */
export async function findChromium(env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  if (env.CHROME_PATH) return (await isProgram(env.CHROME_PATH)) ? env.CHROME_PATH : undefined
  const folders = (env.PATH ?? '').split(delimiter).filter(Boolean)
  const onPath = COMMANDS.flatMap((command) => folders.map((folder) => join(folder, command)))
  for (const path of [...FIXED, ...onPath, ...(await playwrightBrowsers(env))]) {
    if (await isProgram(path)) return path
  }
  return undefined
}

async function playwrightBrowsers(env: NodeJS.ProcessEnv): Promise<string[]> {
  const caches = env.PLAYWRIGHT_BROWSERS_PATH
    ? [env.PLAYWRIGHT_BROWSERS_PATH]
    : ['.cache/ms-playwright', 'Library/Caches/ms-playwright', 'AppData/Local/ms-playwright'].map((path) =>
        join(homedir(), path),
      )
  const found: string[] = []
  for (const cache of caches) {
    const names = await readdir(cache).catch(() => [])
    // Newest revision first.
    const revisions = names
      .filter((name) => /^chromium-\d+$/.test(name))
      .sort((a, b) => Number(b.slice(9)) - Number(a.slice(9)))
    found.push(...revisions.flatMap((name) => IN_PLAYWRIGHT.map((path) => join(cache, name, path))))
  }
  return found
}

async function isProgram(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}
