/** An object as `head`, `list` and `download` give it. */
export interface StoredFile {
  readonly key: string
  /** The last segment of the key. */
  readonly name: string
  /** Bytes; of a range download, those of the range. */
  readonly size: number
  readonly type: string
  /** Milliseconds since 1970. */
  readonly lastModified?: number
  readonly etag?: string
  readonly metadata?: Record<string, string>
  /** Reads the content. After `head` and `list` this is a request of its own, each time. */
  stream(): ReadableStream<Uint8Array<ArrayBuffer>>
  arrayBuffer(): Promise<ArrayBuffer>
  text(): Promise<string>
  blob(): Promise<Blob>
}

export interface StoredFileFacts {
  readonly key: string
  readonly size: number
  readonly type?: string | undefined
  readonly lastModified?: number | undefined
  readonly etag?: string | undefined
  readonly metadata?: Record<string, string> | undefined
}

/** A stored file over its facts and a way to read it. */
export function storedFile(
  facts: StoredFileFacts,
  open: () => ReadableStream<Uint8Array<ArrayBuffer>> | Promise<ReadableStream<Uint8Array<ArrayBuffer>>>,
): StoredFile {
  const { key, size, lastModified, etag, metadata } = facts
  const type = facts.type ?? 'application/octet-stream'
  const response = () => new Response(lazyStream(open), { headers: { 'content-type': type } })
  return {
    key,
    name: key.slice(key.lastIndexOf('/') + 1),
    size,
    type,
    ...(lastModified === undefined ? {} : { lastModified }),
    ...(etag === undefined ? {} : { etag }),
    ...(metadata === undefined ? {} : { metadata }),
    stream: () => lazyStream(open),
    arrayBuffer: () => response().arrayBuffer(),
    text: () => response().text(),
    blob: () => response().blob(),
  }
}

/** The same object under another key: the one the caller knows it by. */
export function renamed(file: StoredFile, key: string): StoredFile {
  return { ...file, key, name: key.slice(key.lastIndexOf('/') + 1) }
}

/** A stream that is opened at the first read. */
function lazyStream(
  open: () => ReadableStream<Uint8Array<ArrayBuffer>> | Promise<ReadableStream<Uint8Array<ArrayBuffer>>>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined
  return new ReadableStream({
    pull: async (controller) => {
      reader ??= (await open()).getReader()
      const { done, value } = await reader.read()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: (reason) => reader?.cancel(reason),
  })
}

/** A stream of bytes that are in memory. */
export function streamOf(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    start: (controller) => {
      if (bytes.length > 0) controller.enqueue(bytes)
      controller.close()
    },
  })
}
