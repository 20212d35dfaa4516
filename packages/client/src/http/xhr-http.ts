/** HTTP over `XMLHttpRequest`, for pages and their workers: only it tells how far a body has got. */
import type { Call } from '../driver.ts'
import { FilesError } from '../errors.ts'
import { blobPieces } from '../transfer/payload.ts'
import { noAnswer } from './failure.ts'
import type { HttpRequest, HttpResponse } from './http.ts'

/**
 * Makes the request. A piece of a `Blob` is left to the browser to read, another one is held in memory. It goes out as a
 * `Blob` too: Chromium would copy bytes within `send`, and the page would stand still for it.
 */
export async function request(request: HttpRequest, call: Call): Promise<HttpResponse> {
  const { method, url, headers, body } = request
  const small = body === undefined || typeof body === 'string' || body instanceof Uint8Array
  const whole = small
    ? body
    : ((await blobPieces.get(body)?.()) ?? new Blob([await body.bytes({ told: true })]))
  call.signal.throwIfAborted()
  const xhr = new XMLHttpRequest()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let left = 0
  const end = () => xhr.abort()
  try {
    xhr.open(method, url)
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value)
    // Without a piece nobody looks, and a listener would cost a request for permission to another origin.
    if (!small) {
      xhr.upload.onprogress = ({ loaded }) => {
        body.left(loaded - left)
        left = loaded
      }
    }
    xhr.onload = () => resolve()
    xhr.onerror = () => reject(new Error('no connection, or forbidden by CORS'))
    xhr.onabort = () => reject(call.signal.reason)
    call.signal.addEventListener('abort', end)
    xhr.send(whole)
    await promise
  } catch (error) {
    call.signal.throwIfAborted()
    throw noAnswer(method, url, error)
  } finally {
    call.signal.removeEventListener('abort', end)
  }
  call.touch()
  // It was followed unasked: what came back is not this URL's.
  if (xhr.responseURL !== new URL(url).href.replace(/#.*$/, '')) {
    throw new FilesError('Provider', `${method} was redirected to another URL`, undefined, {
      retryable: false,
    })
  }
  const { status, responseText } = xhr
  // Asked for one by one, those that the server hides would be complained about in the console.
  const answered = new Headers()
  for (const [, name = '', value = ''] of xhr.getAllResponseHeaders().matchAll(/^(.+?): (.*)\r$/gm))
    answered.append(name, value)
  return {
    status,
    header: (name) => answered.get(name) ?? undefined,
    headers: () => [...answered],
    text: async () => responseText,
  }
}
