/**
 * What an answer of the server means for an upload. The promise "a byte accepted is never sent twice" hangs on one
 * row: only 404 and 410 on HEAD, said by the upload server itself, mean that the bytes are gone. Everything that can
 * pass (restart, overload, a proxy's error page, an old key) keeps the upload's address.
 */

export interface Answer {
  readonly method: string
  readonly status: number
  /** The answer carries `Tus-Resumable`: it comes from the upload server, not from something in between. */
  readonly genuine: boolean
  readonly retryAfter: string | null
  readonly body: string
}

export type Verdict =
  | { readonly kind: 'fine' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'key'; readonly words: string }
  | { readonly kind: 'wait'; readonly words: string; readonly atLeast: number }
  | { readonly kind: 'refused'; readonly words: string }

export const unreachable = { kind: 'wait', words: 'The server does not answer', atLeast: 0 } satisfies Verdict

export function judge(answer: Answer): Verdict {
  const { method, status } = answer
  if (status >= 200 && status < 300) return { kind: 'fine' }
  if (status === 404 || status === 410) {
    if (method === 'HEAD' && answer.genuine) return { kind: 'gone' }
    // On PATCH the HEAD that follows decides; a stranger's 404 decides nothing.
    if (method === 'PATCH' || !answer.genuine) return wait('The upload was not found just now', answer)
  }
  if (status === 401) return { kind: 'key', words: 'This server asks for a key.' }
  if (status === 403) return { kind: 'key', words: sentence('This server does not allow that', answer) }
  if (status === 413)
    return { kind: 'refused', words: sentence('The file is larger than this server takes', answer) }
  if (status === 507) {
    const words = 'The server has no room for the file'
    return method === 'POST' ? { kind: 'refused', words: sentence(words, answer) } : wait(words, answer)
  }
  if (status === 409 || status === 423) return wait('The upload is busy on the server', answer)
  if (status === 429) return wait('The server asks to slow down', answer)
  if (status === 408 || status === 460 || status >= 500 || !answer.genuine) {
    return wait(`The server is not ready (${status})`, answer)
  }
  return { kind: 'refused', words: sentence(`The server refused the upload (${status})`, answer) }
}

function wait(words: string, answer: Answer): Verdict {
  return { kind: 'wait', words, atLeast: retryAfterMs(answer.retryAfter) }
}

function retryAfterMs(value: string | null): number {
  const seconds = Number(value ?? 0)
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 300) * 1000 : 0
}

function sentence(words: string, answer: Answer): string {
  const reason = reasonIn(answer.body)
  return reason === '' ? `${words}.` : `${words}: ${reason}`
}

/** The server's own words: a line of text, or the message of a JSON error. Never markup. */
function reasonIn(body: string): string {
  const text = body.trim()
  if (text === '' || text.startsWith('<')) return ''
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed === 'object' && parsed !== null) {
      for (const name of ['message', 'detail', 'title', 'error']) {
        const value: unknown = Reflect.get(parsed, name)
        if (typeof value === 'string' && value !== '') return shorten(value)
      }
      return ''
    }
  } catch {
    // Not JSON: plain text.
  }
  return shorten(text)
}

function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length > 200 ? `${line.slice(0, 199)}…` : line
}

/** How long to wait before try number `failures` (from 1): doubling, at most 10 s, spread so that tabs do not march in step. */
export function backoff(failures: number, random: number): number {
  const base = Math.min(10_000, 500 * 2 ** Math.min(failures - 1, 10))
  return Math.round(base * (0.8 + 0.4 * random))
}
