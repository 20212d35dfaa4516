/** One delivery: an HTTP POST in the format of Standard Webhooks, and what its answer means. */
import { Webhook } from 'standardwebhooks'
import type { PendingEvent } from '../../catalog/outbox.ts'

export interface PostOptions {
  readonly url: string
  /** The HMAC key. */
  readonly secret: Uint8Array
  /** Milliseconds for the whole exchange. */
  readonly timeout: number
}

type PostResult =
  | { readonly kind: 'delivered' }
  /** 410: the receiver wants no events any more. */
  | { readonly kind: 'gone'; readonly reason: string }
  /** It may have arrived or not; it is sent again. */
  | { readonly kind: 'failed'; readonly reason: string }

/** An answer is read this far, so that its connection can be used again; the rest is not wanted. */
const ANSWER_BYTES = 16 * 1024

export type Post = (event: PendingEvent, signal: AbortSignal) => Promise<PostResult>

/** @returns a function that never rejects; `signal` gives a delivery up */
export function webhookPost({ url, secret, timeout }: PostOptions): Post {
  const signer = new Webhook(secret, { format: 'raw' })
  const { target, authorization } = withoutCredentials(url)
  return async (event, signal) => {
    const ending = new AbortController()
    const timer = setTimeout(() => ending.abort(new Error(`no answer within ${timeout} ms`)), timeout)
    const onAbort = (): void => ending.abort(signal.reason)
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
    try {
      const at = new Date()
      const response = await fetch(target, {
        method: 'POST',
        // A redirect would take events, and their signatures, to where the operator did not send them.
        redirect: 'manual',
        signal: ending.signal,
        headers: {
          ...authorization,
          'Content-Type': 'application/json',
          'User-Agent': 'Pawl-Webhooks',
          'webhook-id': event.id,
          'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
          'webhook-signature': signer.sign(event.id, at, event.body),
        },
        body: event.body,
      })
      await drain(response)
      return meaningOf(response.status)
    } catch (error) {
      return {
        kind: 'failed',
        reason: ending.signal.aborted ? messageOf(ending.signal.reason) : causeOf(error),
      }
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
  }
}

function meaningOf(status: number): PostResult {
  if (status >= 200 && status < 300) return { kind: 'delivered' }
  const reason = `the receiver answered ${status}`
  return status === 410 ? { kind: 'gone', reason } : { kind: 'failed', reason }
}

/** The status has said everything: a body that breaks or does not end changes nothing. */
async function drain(response: Response): Promise<void> {
  let left = ANSWER_BYTES
  try {
    for await (const chunk of response.body ?? []) {
      left -= chunk.byteLength
      if (left < 0) return
    }
  } catch {}
}

/** `fetch` takes no user and password inside a URL. */
function withoutCredentials(text: string): { target: URL; authorization: Readonly<Record<string, string>> } {
  const target = new URL(text)
  const { username, password } = target
  if (username === '' && password === '') return { target, authorization: {} }
  target.username = ''
  target.password = ''
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { target, authorization: { Authorization: `Basic ${Buffer.from(pair).toString('base64')}` } }
}

/** `fetch` says only that it failed; why is inside. */
function causeOf(error: unknown): string {
  return messageOf(error instanceof Error && error.cause !== undefined ? error.cause : error)
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // Several addresses were tried and none answered: the message of that is empty.
  return error.message || ('code' in error ? String(error.code) : error.name)
}
