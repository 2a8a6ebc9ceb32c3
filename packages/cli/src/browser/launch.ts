// Starts a headless Chromium with a profile of its own, and leaves neither process nor profile behind.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BackendError } from '@ps3js/tensor'
import { CHROMIUM_HINT, findChromium } from './find.ts'

export interface LaunchOptions {
  /** The browser's path; found by itself otherwise. */
  executable?: string
  /** WebGPU by SwiftShader on the CPU: slow, but the same on every machine. */
  softwareGpu?: boolean
  args?: string[]
}

export interface RunningBrowser {
  /** Resolves with what the browser last said on stderr, when it ends. */
  exited: Promise<string>
  /** Ends the browser and removes its profile; safe to call twice. */
  close(): Promise<void>
}

const QUIET = [
  '--headless=new',
  '--disable-quic',
  '--no-first-run',
  '--no-default-browser-check',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-extensions',
  // Containers give /dev/shm 64 MB.
  '--disable-dev-shm-usage',
  '--enable-unsafe-webgpu',
]

/** Opens `url` in a fresh headless Chromium. */
export async function launchChromium(url: string, options: LaunchOptions = {}): Promise<RunningBrowser> {
  const executable = options.executable ?? (await findChromium())
  if (!executable) throw new BackendError(`No Chromium was found: ${CHROMIUM_HINT}`)
  const profile = await mkdtemp(join(tmpdir(), 'ps3-chromium-'))
  const args = [...QUIET, `--user-data-dir=${profile}`]
  // Chromium refuses to sandbox itself when it runs as root.
  if (process.getuid?.() === 0) args.push('--no-sandbox')
  args.push(...(options.softwareGpu ? ['--use-webgpu-adapter=swiftshader'] : ['--enable-features=Vulkan']))
  // A process group of its own, so that its helpers end with it.
  const child = spawn(executable, [...args, ...(options.args ?? []), url], {
    detached: process.platform !== 'win32',
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4000)
  })
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`${executable} could not be started: ${error.message}`))
    child.once('close', () => resolve(said))
  })
  const onExit = () => end(child)
  process.once('exit', onExit)
  let closing: Promise<void> | undefined
  const close = async () => {
    process.off('exit', onExit)
    end(child)
    await exited
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
  return {
    exited,
    close: () => {
      closing ??= close()
      return closing
    },
  }
}

function end(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    if (process.platform === 'win32') child.kill()
    else process.kill(-child.pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}
