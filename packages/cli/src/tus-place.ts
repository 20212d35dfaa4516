/**
 * A tus endpoint as a place of files. tus has no words for reading, but servers that let their uploads be read
 * do it at the upload's own URL; its last segment is the key here.
 */
import { type Adapter, FilesError, type StoredFile } from 'pawl'
import { tus } from 'pawl/tus'

/** @param token Sent as bearer token. */
export function tusPlace(endpoint: string, token: string | undefined, parallel = 1): Adapter {
  const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {}
  const ask = async (method: string, key: string, signal: AbortSignal, more: Record<string, string> = {}) => {
    const url = new URL(key, endpoint)
    const response = await fetch(url, { method, headers: { ...headers, ...more }, signal }).catch(
      (error: unknown) => {
        signal.throwIfAborted()
        throw new FilesError('Provider', `${method} ${url.href} had no answer: ${causeOf(error)}`, error)
      },
    )
    if (response.ok) return response
    const reason = (await response.text()).trim().split('\n')[0]?.slice(0, 200)
    const because = reason ? `: ${reason}` : ''
    throw refused(`${method} ${url.href} was answered with ${response.status}${because}`, response.status)
  }
  return {
    ...tus({ endpoint, headers, parallel }),
    download: async (key, range, { signal }) => {
      if (range) throw new FilesError('NotSupported', 'ranges are not read from tus servers here')
      return fileOf(key, await ask('GET', key, signal))
    },
    delete: async (key, { signal }) => {
      try {
        await ask('DELETE', key, signal, { 'tus-resumable': '1.0.0' })
      } catch (error) {
        const gone = error instanceof FilesError && (error.status === 404 || error.status === 410)
        if (!gone) throw error
      }
    },
  }
}

function fileOf(key: string, response: Response): StoredFile {
  const length = response.headers.get('content-length')
  const filename = fileName(response.headers.get('content-disposition'))
  return {
    key,
    name: key,
    size: length === null ? Number.NaN : Number(length),
    type: response.headers.get('content-type') ?? 'application/octet-stream',
    // `Files` names what it gives by the key, which means nothing to people here.
    ...(filename === undefined ? {} : { metadata: { filename } }),
    stream: () => streamOf(response),
    arrayBuffer: () => response.arrayBuffer(),
    text: () => response.text(),
    blob: () => response.blob(),
  }
}

function streamOf({ url, body }: Response): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = (body ?? new Blob().stream()).getReader()
  return new ReadableStream({
    pull: async (controller) => {
      try {
        const { done, value } = await reader.read()
        if (done) controller.close()
        else controller.enqueue(value)
      } catch (error) {
        throw new FilesError('Provider', `GET ${url} broke off: ${causeOf(error)}`, error)
      }
    },
    cancel: (reason) => reader.cancel(reason),
  })
}

/** `fetch` says only that it failed; why is inside, and where several addresses were tried, only as a code. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (!(cause instanceof Error)) return String(cause)
  return cause.message || ('code' in cause ? String(cause.code) : cause.name)
}

/** The name that the server gives the file, without any folder: it must not choose where things are written. */
function fileName(disposition: string | null): string | undefined {
  const encoded = /filename\*=utf-8''([^;]+)/i.exec(disposition ?? '')?.[1]
  const quoted = /filename="((?:[^"\\]|\\.)*)"/i.exec(disposition ?? '')?.[1]?.replace(/\\(.)/g, '$1')
  const plain = /filename=([^\s;"]+)/i.exec(disposition ?? '')?.[1]
  const name = (encoded === undefined ? (quoted ?? plain) : decoded(encoded))?.split(/[\\/]/).at(-1)
  return name === undefined || name === '' || name === '.' || name === '..' ? undefined : name
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function refused(what: string, status: number): FilesError {
  const code =
    status === 404 || status === 410
      ? 'NotFound'
      : status === 401 || status === 403
        ? 'Unauthorized'
        : 'Provider'
  return new FilesError(code, what, undefined, {
    status,
    retryable: status >= 500,
  })
}
