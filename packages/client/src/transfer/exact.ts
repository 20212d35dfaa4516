import { FilesError } from '../errors.ts'

/** @throws FilesError `BodyChanged` unless there are as many bytes as were asked for. */
export function exactly(got: number, start: number, wanted: number): void {
  if (got === wanted) return
  throw new FilesError(
    'BodyChanged',
    `the body gave ${got} of the ${wanted} bytes at ${start}: it became shorter; upload it anew`,
  )
}

/** Bytes of a body. @throws FilesError `BodyChanged` */
export async function readBlob(blob: Blob, start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
  let bytes: ArrayBuffer
  try {
    bytes = await blob.slice(start, end).arrayBuffer()
  } catch (cause) {
    // A browser reports a file that changed on disk as a read error without saying so.
    throw new FilesError('BodyChanged', `the body cannot be read at ${start} any more`, cause)
  }
  exactly(bytes.byteLength, start, end - start)
  return new Uint8Array(bytes)
}
