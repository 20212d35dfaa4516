/** HTTP over `fetch`, for service workers and edge runtimes. It cannot tell how far a body has got. */
import type { Call } from '../driver.ts'
import { FilesError } from '../errors.ts'
import { noAnswer } from './failure.ts'
import type { HttpRequest, HttpResponse } from './http.ts'

/** Makes the request; a piece of the body is held in memory. */
export async function request(request: HttpRequest, call: Call): Promise<HttpResponse> {
  const { method, url, headers, body } = request
  const whole =
    body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : await body.bytes()
  try {
    const response = await fetch(url, {
      method,
      headers,
      // What is not followed is hidden. Only a 308 that leads nowhere gets through so.
      redirect: request.answers308 ? 'follow' : 'manual',
      credentials: 'same-origin',
      signal: call.signal,
      ...(whole === undefined ? {} : { body: whole }),
    })
    call.touch()
    if (response.redirected) throw new FilesError('Provider', `${method} was redirected`)
    const streamed = request.stream === true && response.ok && response.body
    const text = streamed ? '' : await response.text()
    return {
      status: response.status,
      header: (name) => response.headers.get(name) ?? undefined,
      headers: () => [...response.headers],
      text: async () => text,
      ...(streamed ? { stream: streamed } : {}),
    }
  } catch (error) {
    call.signal.throwIfAborted()
    throw error instanceof FilesError ? error : noAnswer(method, url, error)
  }
}
