/**
 * A blob of a stream, which can be read again: the browser keeps large ones on disk.
 * @example await files.upload('a.bin', await blobOf(response.body))
 */
export function blobOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>, type = ''): Promise<Blob> {
  return new Response(stream, { headers: type === '' ? {} : { 'content-type': type } }).blob()
}
