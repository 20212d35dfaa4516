/** HTTP over `XMLHttpRequest`, for pages and their workers: only it tells how far a body has got. */
import type { Call, Payload } from '../driver.ts'
import { FilesError } from '../errors.ts'
import { readBlob } from '../transfer/exact.ts'
import { blobPieces } from '../transfer/payload.ts'
import { noAnswer } from './failure.ts'
import type { HttpRequest, HttpResponse } from './http.ts'

/**
 * Pieces without an answer, one after the other. Some files (of a cloud's drive on Android) can be read but not sent: after
 * two, bytes are sent instead, until a piece has arrived; the next one is tried once as a slice.
 */
let unsent = 0

/**
 * Makes the request. A piece of a `Blob` is left to the browser to read, another one is held in memory. It goes out as a
 * `Blob` too: Chromium would copy bytes within `send`, and the page would stand still for it.
 */
export async function request(request: HttpRequest, call: Call): Promise<HttpResponse> {
  const { method, url, headers, body } = request
  const piece = typeof body === 'object' && 'left' in body ? body : undefined
  const blob =
    piece &&
    ((unsent < 2 && (await blobPieces.get(piece)?.())) || new Blob([await piece.bytes({ told: true })]))
  call.signal.throwIfAborted()
  const xhr = new XMLHttpRequest()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let left = 0
  const end = () => xhr.abort()
  try {
    xhr.open(method, url)
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value)
    // Without a piece nobody looks, and a listener would cost a request for permission to another origin.
    if (piece)
      xhr.upload.onprogress = ({ loaded }) => {
        piece.left(loaded - left)
        left = loaded
      }
    xhr.onload = () => resolve()
    xhr.onerror = () => reject(new Error('no connection, or CORS'))
    xhr.onabort = reject // only by our signal, whose reason is thrown
    call.signal.addEventListener('abort', end)
    xhr.send(blob ?? (body as Exclude<typeof body, Payload>))
    await promise
    if (blob) unsent &&= 1
  } catch (error) {
    call.signal.throwIfAborted()
    // A browser does not say that it was the body, which changed, that it could not read.
    if (blob) {
      await readBlob(blob, 0, blob.size && 1)
      unsent++
    }
    throw noAnswer(method, url, error)
  } finally {
    call.signal.removeEventListener('abort', end)
  }
  call.touch()
  // It was followed unasked: what came back is not this URL's.
  if (xhr.responseURL !== new URL(url).href.replace(/#.*$/, '')) {
    throw new FilesError('Provider', `${method} was redirected`, undefined, {
      retryable: false,
    })
  }
  const { status, responseText } = xhr
  // Asked for one by one, those that the server hides would be complained about in the console.
  const answered = new Headers(
    [...xhr.getAllResponseHeaders().matchAll(/^(.+?): (.*)\r$/gm)].map(([, name = '', value = '']) => [
      name,
      value,
    ]),
  )
  return {
    status,
    header: (name) => answered.get(name) ?? undefined,
    headers: () => [...answered],
    text: async () => responseText,
  }
}
