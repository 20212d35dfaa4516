/** Bytes that can be read again: from any place, as often as a retry needs. */
import { canStream } from '../http/http.ts'
import { readBlob } from './exact.ts'

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
  /** What is read, where a browser can read it while it sends it. Only of a `Blob` that was given as such. */
  readonly blob?: Blob | undefined
  /** Exactly the bytes from `start` to `end`; fewer mean that the body changed. */
  read(start: number, end: number): Promise<Uint8Array<ArrayBuffer>>
  /** Fills the buffer with the bytes from `start`, where that saves allocating one. Resolves to how many there were. */
  readInto?(buffer: Uint8Array<ArrayBuffer>, start: number): Promise<number>
  close?(): Promise<void>
}

/** @throws FilesError `NotSupported` for a stream, which cannot be read twice. */
export async function openSource(body: Body): Promise<Source> {
  return body instanceof Blob ? ofBlob(body) : (await import('./other-bodies.ts')).openOther(body)
}

function ofBlob(blob: Blob & Partial<Pick<File, 'lastModified'>>): Source {
  const { size, type, lastModified } = blob
  return {
    // Node's HTTP reads for itself.
    blob: canStream() ? undefined : globalThis.XMLHttpRequest && blob,
    size,
    type: type || undefined,
    lastModified,
    read: (start, end) => readBlob(blob, start, end),
  }
}
