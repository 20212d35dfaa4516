/** Bodies that are neither `File` nor `Blob`. */
import { FilesError } from '../errors.ts'
import { exactly } from './exact.ts'
import type { Body, RereadableBody, Source } from './source.ts'

/** @throws FilesError `NotSupported` for a stream, which cannot be read twice. */
export async function openOther(body: Exclude<Body, Blob>): Promise<Source> {
  const source = await sourceOf(body)
  const { readInto, size } = source
  if (!Number.isSafeInteger(size) || size < 0) {
    await source.close?.()
    throw new FilesError('NotSupported', `the body's size is ${size}, which is no number of bytes`)
  }
  return {
    ...source,
    // Whatever it is that somebody's own body has there: it is read by `read` and nothing else.
    blob: undefined,
    read: async (start, end) => {
      const bytes = await source.read(start, end)
      exactly(bytes.length, start, end - start)
      return bytes
    },
    ...(readInto && {
      readInto: async (buffer, start) => {
        const filled = await readInto(buffer, start)
        exactly(filled, start, buffer.length)
        return filled
      },
    }),
  }
}

async function sourceOf(body: Exclude<Body, Blob>): Promise<Source> {
  if (body === undefined || body === null) throw new FilesError('NotSupported', 'upload() needs a body')
  if (typeof body === 'string') return ofBytes(new TextEncoder().encode(body), 'text/plain;charset=utf-8')
  if (body instanceof ArrayBuffer) return ofBytes(new Uint8Array(body))
  if (ArrayBuffer.isView(body)) return ofBytes(own(body))
  if ('open' in body) return body.open()
  if ('fd' in body) return (await import('./file-handle.ts')).ofHandle(body)
  if ('slice' in body) return ofRereadable(body)
  throw new FilesError(
    'NotSupported',
    'a stream cannot be read again, so an upload of it could not be resumed; pass a Blob, bytes or a file, or await spool(stream) first',
  )
}

function ofBytes(bytes: Uint8Array<ArrayBuffer>, type?: string): Source {
  return { size: bytes.length, type, read: async (start, end) => bytes.subarray(start, end) }
}

function ofRereadable(body: RereadableBody): Source {
  return {
    size: body.size,
    type: body.type,
    lastModified: body.lastModified,
    read: async (start, end) => {
      const piece = await body.slice(start, end)
      if (piece instanceof Blob) return new Uint8Array(await piece.arrayBuffer())
      return piece instanceof ArrayBuffer ? new Uint8Array(piece) : own(piece)
    },
  }
}

/** The same bytes over a plain `ArrayBuffer`, copied only if they lie in shared memory. */
function own(view: ArrayBufferView): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = view
  return buffer instanceof ArrayBuffer
    ? new Uint8Array(buffer, byteOffset, byteLength)
    : new Uint8Array(new Uint8Array(buffer, byteOffset, byteLength))
}
