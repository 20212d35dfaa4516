/** The most used client, set up as its users do, with what it did written down. */
import { createReadStream } from 'node:fs'
import * as tus from 'tus-js-client'

export interface TusRun {
  /** Resolves when the client reports success; rejects when it gives up. */
  readonly done: Promise<void>
  /** Undefined until the upload was created. */
  readonly url: string | undefined
  /** Every request's method and the status of its answer, in order; `-` when there was none. */
  readonly log: readonly string[]
  /** Bytes the client knows to be accepted or has sent. */
  readonly sent: number
  /** Stops; with `true` the upload is cancelled at the server. */
  abort(terminate?: boolean): Promise<void>
  /** Goes on where the server stands. */
  resume(): void
}

/** Waits as long as a server takes to come back, and starts over only when told that the upload is gone. */
const RETRY_DELAYS = [0, 250, 500, 1000, 1000, 2000, 2000, 4000, 4000, 8000]

/** What the client can speak; its types leave the option out. */
type Protocol = 'tus-v1' | 'ietf-draft-03' | 'ietf-draft-05'

interface TusMore {
  readonly headers?: Readonly<Record<string, string>>
  /** Milliseconds before each try after one that got nowhere. */
  readonly retryDelays?: readonly number[]
}

export function uploadWithTus(
  server: string,
  file: string | Buffer,
  chunkSize = Infinity,
  protocol: Protocol = 'tus-v1',
  { headers = {}, retryDelays = RETRY_DELAYS }: TusMore = {},
): TusRun {
  const log: string[] = []
  let sent = 0
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const upload = new tus.Upload(typeof file === 'string' ? createReadStream(file) : file, {
    endpoint: `${server}/files/`,
    retryDelays: [...retryDelays],
    chunkSize,
    headers: { ...headers },
    ...({ protocol } as object),
    metadata: { filename: 'source.bin', filetype: 'application/octet-stream' },
    onProgress: (count) => {
      sent = count
    },
    onBeforeRequest: (outgoing) => void log.push(`${outgoing.getMethod()} -`),
    onAfterResponse: (outgoing, answer) => {
      const open = `${outgoing.getMethod()} -`
      log[log.lastIndexOf(open)] = `${outgoing.getMethod()} ${answer.getStatus()}`
    },
    onSuccess: () => resolve(),
    onError: reject,
  })
  upload.start()
  return {
    done: promise,
    get url() {
      return upload.url ?? undefined
    },
    log,
    get sent() {
      return sent
    },
    abort: (terminate = false) => upload.abort(terminate),
    resume: () => upload.start(),
  }
}
