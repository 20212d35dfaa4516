/** Content over HTTP: whole or by range, the first time as it arrives, later by requests of their own. */
import type { ByteRange } from '../adapter.ts'
import { FilesError } from '../errors.ts'
import type { HttpResponse } from '../http/http.ts'
import { type StoredFile, type StoredFileFacts, storedFile, streamOf } from '../stored-file.ts'

type Stream = ReadableStream<Uint8Array<ArrayBuffer>>
/** Makes the request and throws what is no content. */
type Open = (
  key: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
) => Promise<HttpResponse>

export interface Reader {
  /** A file over the answer to a request that is made now. */
  download(
    key: string,
    range: ByteRange | undefined,
    signal: AbortSignal,
    facts: (response: HttpResponse) => Omit<StoredFileFacts, 'key' | 'size'>,
  ): Promise<StoredFile>
  /** The content, by a request that is made when it is read. */
  lazy(key: string): () => Promise<Stream>
}

export function reader(open: Open): Reader {
  const stream = async (key: string, headers: Readonly<Record<string, string>>) =>
    (await open(key, headers, undefined)).stream ?? streamOf(new Uint8Array())
  return {
    lazy: (key) => () => stream(key, {}),
    download: async (key, range, signal, facts) => {
      const headers: Record<string, string> = range
        ? { range: `bytes=${range.start}-${range.end ?? ''}` }
        : {}
      const response = await open(key, headers, signal)
      if (range && response.status !== 206) {
        await response.stream?.cancel()
        throw new FilesError('NotSupported', 'the provider ignored the range of the download')
      }
      let first = response.stream
      const size = Number(response.header('content-length') ?? 0)
      return storedFile({ key, size, ...facts(response) }, async () => {
        const arrived = first
        first = undefined
        return arrived ?? stream(key, headers)
      })
    },
  }
}
