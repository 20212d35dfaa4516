import type { Inspection } from './uploader.ts'
import { type Answer, backoff, judge } from './verdict.ts'
import type { Waiting } from './waiting.ts'

/** Questions and orders to the server about uploads that are not under way. */
export interface Context {
  readonly endpoint: string
  readonly waiting: Waiting
  readonly key: () => string | null
}

/** What the server holds of a remembered upload. */
export async function inspect({ waiting, key }: Context, fingerprint: string): Promise<Inspection> {
  const entry = waiting.find(fingerprint)
  if (entry === undefined) return { kind: 'unknown' }
  try {
    const response = await send('HEAD', entry.url, key())
    const verdict = judge(await answerOfFetch('HEAD', response))
    if (verdict.kind === 'gone') waiting.forget(fingerprint)
    if (verdict.kind === 'gone' || verdict.kind === 'key') return verdict
    const offset = Number.parseInt(response.headers.get('Upload-Offset') ?? '', 10)
    if (verdict.kind !== 'fine' || !(offset <= entry.size)) return { kind: 'unknown' }
    if (offset < entry.size) return { kind: 'holds', bytes: offset }
    waiting.forget(fingerprint)
    return { kind: 'complete', url: entry.url }
  } catch {
    return { kind: 'unknown' }
  }
}

/** Deletes an upload on the server, with patience; what fails for good is tried again after the next reload. */
async function terminate({ waiting, key }: Context, url: string): Promise<void> {
  for (let failures = 1; failures <= 30; failures++) {
    try {
      const response = await send('DELETE', url, key())
      const answer = await answerOfFetch('DELETE', response)
      const { kind } = judge(answer)
      // These are final: deleted, gone, or (403) complete and thereby an object.
      const final =
        kind === 'fine' || kind === 'refused' || (answer.genuine && [403, 404, 410].includes(answer.status))
      if (final) return waiting.absolve(url)
    } catch {
      // The server does not answer.
    }
    await new Promise((resolve) => setTimeout(resolve, backoff(failures, Math.random())))
  }
}

function send(method: string, url: string, key: string | null): Promise<Response> {
  const headers = { 'Tus-Resumable': '1.0.0', ...authorization(key) }
  return fetch(url, { method, headers, signal: AbortSignal.timeout(30_000) })
}

async function answerOfFetch(method: string, response: Response): Promise<Answer> {
  return {
    method,
    status: response.status,
    genuine: response.headers.has('Tus-Resumable'),
    retryAfter: response.headers.get('Retry-After'),
    body: await response.text(),
  }
}

/** Cancels an upload: from now on it is only an address to delete. */
export function discard(context: Context, fingerprint: string): void {
  const url = context.waiting.condemn(fingerprint)
  if (url !== undefined) void terminate(context, url)
}

/** Deletes what was cancelled before a reload and had not been confirmed. */
export function finishCancelling(context: Context): void {
  for (const url of context.waiting.condemned()) void terminate(context, url)
}

export function authorization(key: string | null): Record<string, string> {
  return key === null ? {} : { Authorization: `Bearer ${key}` }
}
