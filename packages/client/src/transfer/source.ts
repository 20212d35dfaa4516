/** Bytes that can be read again: from any place, as often as a retry needs. */
import { FilesError } from '../errors.ts'

type Bytes = ArrayBuffer | Uint8Array | Blob

/** A body of one's own: `slice` gives the bytes from `start` to `end` (exclusive), the same ones each time. */
export interface RereadableBody {
  readonly size: number
  readonly type?: string
  /** Milliseconds since 1970. */
  readonly lastModified?: number
  slice(start: number, end: number): Bytes | Promise<Bytes>
}

/** A body that is opened when the upload begins and closed when it ends. */
export interface OpenableBody {
  open(): Promise<Source>
}

/** The part of Node's `FileHandle` that is used. The handle stays the caller's to close. */
export interface FileHandleLike {
  readonly fd: number
  stat(): Promise<{ readonly size: number; readonly mtimeMs: number }>
  read(
    buffer: Uint8Array<ArrayBuffer>,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>
}

/** What `upload` takes. A stream is in the type because files-sdk has it there; see {@link openSource}. */
export type Body =
  | Blob
  | ArrayBuffer
  | ArrayBufferView
  | string
  | FileHandleLike
  | RereadableBody
  | OpenableBody
  | ReadableStream<Uint8Array>

/** What the engine reads from. */
export interface Source {
  readonly size: number
  readonly type?: string | undefined
  readonly lastModified?: number | undefined
  /** What is read, where a browser can read it while it sends it. */
  readonly blob?: Blob | undefined
  /** Exactly the bytes from `start` to `end`; fewer mean that the body changed. */
  read(start: number, end: number): Promise<Uint8Array<ArrayBuffer>>
  /** Fills the buffer with the bytes from `start`, where that saves allocating one. Resolves to how many there were. */
  readInto?(buffer: Uint8Array<ArrayBuffer>, start: number): Promise<number>
  close?(): Promise<void>
}

/** @throws FilesError `NotSupported` for a stream, which cannot be read twice. */
export async function openSource(body: Body): Promise<Source> {
  const source = await sourceOf(body)
  const { readInto } = source
  return {
    ...source,
    read: async (start, end) => {
      const bytes = await source.read(start, end)
      if (bytes.length !== end - start) throw shorter(start, end - start, bytes.length)
      return bytes
    },
    ...(readInto && {
      readInto: async (buffer, start) => {
        const filled = await readInto(buffer, start)
        if (filled !== buffer.length) throw shorter(start, buffer.length, filled)
        return filled
      },
    }),
  }
}

function shorter(start: number, wanted: number, got: number): FilesError {
  return new FilesError(
    'BodyChanged',
    `the body gave ${got} of the ${wanted} bytes at ${start}: it became shorter; upload it anew`,
  )
}

async function sourceOf(body: Body): Promise<Source> {
  return body instanceof Blob ? ofBlob(body) : (await import('./other-bodies.ts')).sourceOf(body)
}

function ofBlob(blob: Blob & Partial<Pick<File, 'lastModified'>>): Source {
  const { size, type, lastModified } = blob
  return {
    blob: globalThis.XMLHttpRequest && blob,
    size,
    type: type || undefined,
    lastModified,
    read: async (start, end) => new Uint8Array(await unreadable(blob.slice(start, end).arrayBuffer(), start)),
  }
}

/** A browser reports a file that changed on disk as a read error without saying so. */
async function unreadable(read: Promise<ArrayBuffer>, start: number): Promise<ArrayBuffer> {
  try {
    return await read
  } catch (cause) {
    throw new FilesError('BodyChanged', `the body cannot be read at ${start} any more`, cause)
  }
}
