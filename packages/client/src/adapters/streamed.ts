/** A stream over a loop that writes: the loop goes on as the stream is read, and ends when its reader goes. */
export function streamed(
  run: (write: (chunk: Uint8Array<ArrayBuffer>) => Promise<void>) => Promise<void>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>()
  const writer = writable.getWriter()
  run((chunk) => writer.write(chunk))
    .then(
      () => writer.close(),
      (error: unknown) => writer.abort(error),
    )
    .catch(() => {}) // the reader has gone
  return readable
}
