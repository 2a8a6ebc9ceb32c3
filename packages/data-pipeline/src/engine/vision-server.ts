// One question to an OpenAI-compatible vision server (POST …/chat/completions with image_url parts), tried again where that
// can help. API: https://platform.openai.com/docs/api-reference/chat; Retry-After: RFC 9110, 10.2.3.

import { setTimeout as sleep } from 'node:timers/promises'
import { InvalidArgumentError, PS3Error, type Random, ResourceError } from '@ps3js/tensor'

export interface VisionServer {
  /** Base address, such as `http://localhost:8000/v1`. */
  url: string
  model: string
  apiKey?: string
  /** Longest answer in tokens. Default 400. */
  maxTokens?: number
  /** Longest wait for one answer in milliseconds. Default 120,000. */
  timeoutMs?: number
  /** Tries after the first. Default 5. */
  retries?: number
  /** First pause between tries in milliseconds; it doubles each time, to at most a minute. Default 1000. */
  backOffMs?: number
}

export interface Answer {
  /** Without spaces around; empty when the model said nothing. */
  text: string
  /** Whether the answer ended by itself, not at `maxTokens`. */
  isWhole: boolean
  promptTokens: number
  completionTokens: number
}

/** One question failed for good; others may do better. `isFatal`: none will. */
export class CaptionFailure extends ResourceError {
  readonly isFatal: boolean
  constructor(message: string, isFatal: boolean, options?: ErrorOptions) {
    super(message, options)
    this.isFatal = isFatal
  }
}

const LONGEST_PAUSE = 60_000
/** A server that asks for more is not going to answer today. */
const LONGEST_RETRY_AFTER = 600_000
const LONGEST_ANSWER = 2 ** 22
const TRY_AGAIN = new Set([408, 409, 425, 429, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524, 529])
/** Wrong for every question: key, account, address, method. */
const FATAL = new Set([401, 402, 403, 404, 405, 407, 410, 426])

/** What may get better by itself. */
class Passing extends Error {
  readonly retryAfterMs: number | undefined
  constructor(message: string, retryAfterMs?: number) {
    super(message)
    this.retryAfterMs = retryAfterMs
  }
}

/** A server with one queue of pauses: when it asks one question to wait, all wait. */
export class VisionClient {
  readonly #server: Required<Omit<VisionServer, 'apiKey'>> & { apiKey?: string }
  readonly #endpoint: string
  readonly #random: Random
  #notBefore = 0

  /** @throws InvalidArgumentError for an address or a number that cannot be */
  constructor(server: VisionServer, random: Random) {
    const { maxTokens = 400, timeoutMs = 120_000, retries = 5, backOffMs = 1000 } = server
    this.#server = { ...server, maxTokens, timeoutMs, retries, backOffMs }
    this.#endpoint = endpointOf(server.url)
    this.#random = random
    if (server.model.trim() === '') throw new InvalidArgumentError('name the model that the server shall use')
    for (const [name, value, least] of [
      ['maxTokens', maxTokens, 1],
      ['timeoutMs', timeoutMs, 1],
      ['retries', retries, 0],
      ['backOffMs', backOffMs, 0],
    ] as const) {
      if (Number.isSafeInteger(value) && value >= least) continue
      throw new InvalidArgumentError(`${name} ${value}: give a whole number of at least ${least}`)
    }
  }

  /**
   * Asks about pictures (data URLs) and waits out what passes: 429, 5xx, no connection, no or half an answer in time.
   *
   * @throws CaptionFailure when it does not pass, or cannot
   */
  async ask(prompt: string, pictures: readonly string[], signal: AbortSignal): Promise<Answer> {
    const { retries, backOffMs } = this.#server
    for (let attempt = 0; ; attempt++) {
      await this.#waitForTurn(signal)
      try {
        return await this.#once(prompt, pictures, signal)
      } catch (error) {
        if (!(error instanceof Passing)) throw error
        const { message, retryAfterMs } = error
        if (attempt === retries || (retryAfterMs ?? 0) > LONGEST_RETRY_AFTER) {
          throw new CaptionFailure(`${message}; tried ${attempt + 1} times`, false, { cause: error })
        }
        if (retryAfterMs !== undefined) {
          this.#notBefore = Math.max(this.#notBefore, performance.now() + retryAfterMs)
        } else {
          // Half of it by chance, so that questions that failed together do not come back together.
          const pause = Math.min(LONGEST_PAUSE, backOffMs * 2 ** attempt)
          await sleep(pause * (0.5 + this.#random.uniform() / 2), undefined, { signal })
        }
      }
    }
  }

  async #waitForTurn(signal: AbortSignal): Promise<void> {
    for (let wait = 1; ; ) {
      signal.throwIfAborted()
      wait = this.#notBefore - performance.now()
      if (wait <= 0) return
      await sleep(wait, undefined, { signal })
    }
  }

  async #once(prompt: string, pictures: readonly string[], signal: AbortSignal): Promise<Answer> {
    const { model, apiKey, maxTokens, timeoutMs } = this.#server
    const images = pictures.map((url) => ({ type: 'image_url', image_url: { url } }))
    const body = JSON.stringify({
      model,
      max_tokens: maxTokens,
      temperature: 0,
      messages: [{ role: 'user', content: [...images, { type: 'text', text: prompt }] }],
    })
    // Not AbortSignal.any: on a signal that outlives millions of questions it keeps something of each.
    const limit = new AbortController()
    const onAbort = () => limit.abort(signal.reason)
    const timer = setTimeout(() => limit.abort(), timeoutMs)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      const response = await fetch(this.#endpoint, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(apiKey ? { authorization: `Bearer ${apiKey}` } : {}),
        },
        body,
        // A redirected POST loses its body, and a key belongs to one address.
        redirect: 'manual',
        signal: limit.signal,
      })
      const text = await bodyOf(response)
      return this.#read(response, text)
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof Passing || error instanceof PS3Error) throw error
      if (limit.signal.aborted) throw new Passing(`${this.#endpoint} gave no answer in ${timeoutMs / 1000} s`)
      const cause = (error as Error).cause as NodeJS.ErrnoException | undefined
      throw new Passing(`${this.#endpoint}: ${cause?.code ?? cause?.message ?? (error as Error).message}`)
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
  }

  #read(response: Response, text: string): Answer {
    const { status, headers } = response
    if (status >= 300 && status < 400) {
      throw new CaptionFailure(
        `${this.#endpoint} redirects to ${headers.get('location')}: give that address`,
        true,
      )
    }
    const said = `${this.#endpoint} answered ${status}: ${excerpt(text)}`
    if (FATAL.has(status)) throw new CaptionFailure(said, true)
    if (TRY_AGAIN.has(status) || status > 500) throw new Passing(said, retryAfter(headers.get('retry-after')))
    if (status !== 200) throw new CaptionFailure(said, false)
    return readAnswer(text) ?? raise(new Passing(`${said} (no chat completion; is the address right?)`))
  }
}

const raise = (error: Error): never => {
  throw error
}

function endpointOf(url: string): string {
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch (cause) {
    throw new InvalidArgumentError(`server ${url}: give an address such as http://localhost:8000/v1`, {
      cause,
    })
  }
  if (!/^https?:$/.test(parsed.protocol))
    throw new InvalidArgumentError(`server ${url}: give an http or https address`)
  if (parsed.username || parsed.password) {
    throw new InvalidArgumentError('server: an address must not hold a password; give the key apart')
  }
  if (!parsed.pathname.endsWith('/chat/completions')) {
    parsed.pathname = `${parsed.pathname.replace(/\/+$/, '')}/chat/completions`
  }
  return parsed.href
}

async function bodyOf(response: Response): Promise<string> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of response.body ?? []) {
    size += part.length
    if (size > LONGEST_ANSWER) throw new Passing(`an answer of more than ${LONGEST_ANSWER} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

function readAnswer(text: string): Answer | null {
  let value: ChatCompletion
  try {
    value = JSON.parse(text) as ChatCompletion
  } catch {
    return null
  }
  const choice = value?.choices?.[0]
  const content = choice?.message?.content
  if (!choice?.message || (content != null && typeof content !== 'string' && !Array.isArray(content)))
    return null
  const said = Array.isArray(content) ? content.map((part) => part?.text ?? '').join('') : (content ?? '')
  return {
    text: said.trim(),
    isWhole: choice.finish_reason !== 'length',
    promptTokens: tokens(value.usage?.prompt_tokens),
    completionTokens: tokens(value.usage?.completion_tokens),
  }
}

interface ChatCompletion {
  choices?: { message?: { content?: string | { text?: string }[] | null }; finish_reason?: string }[]
  usage?: { prompt_tokens?: unknown; completion_tokens?: unknown }
}

const tokens = (value: unknown) =>
  Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : 0

/** Milliseconds from seconds or a date. */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined
  const seconds = Number(header)
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - Date.now()
  return Number.isFinite(wait) ? Math.max(0, wait) : undefined
}

function excerpt(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line === '' ? 'nothing' : line.length > 160 ? `${line.slice(0, 157)}...` : line
}
