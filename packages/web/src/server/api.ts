/** Requests to the server's own API, with the key of this tab. */
import { readKey } from '../key.ts'

/** The server said no, or said nothing. */
export class ApiError extends Error {
  /** 0 when there was no answer. */
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }

  /** Another key may help. */
  get wantsKey(): boolean {
    return this.status === 401 || this.status === 403
  }
}

interface Ask {
  readonly method?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** @param path Below the page's own address. @throws ApiError */
export async function ask(
  path: string,
  { method = 'GET', body, headers, signal }: Ask = {},
): Promise<Response> {
  const key = readKey()
  let response: Response
  try {
    response = await fetch(new URL(path, document.baseURI), {
      method,
      headers: {
        ...headers,
        ...(key === null ? {} : { Authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    })
  } catch {
    throw new ApiError(0, 'The server does not answer.')
  }
  if (!response.ok) throw new ApiError(response.status, await reasonOf(response))
  return response
}

/** @throws ApiError */
export async function askJson<T>(path: string, options: Ask = {}): Promise<T> {
  return (await ask(path, options)).json() as Promise<T>
}

async function reasonOf(response: Response): Promise<string> {
  const fallback = `The server answered ${response.status}.`
  try {
    const { error, message }: { error?: unknown; message?: unknown } = await response.json()
    const words = [message, error].find((text) => typeof text === 'string' && text !== '')
    return typeof words === 'string' ? `The server answered ${response.status}: ${words}` : fallback
  } catch {
    return fallback
  }
}
