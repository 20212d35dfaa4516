/** HTTP as drivers use it: a body that can be streamed, an answer with its headers. */
import type { Call, Payload } from '../driver.ts'

export interface HttpRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** A piece of the upload, or a small body of the protocol's own. */
  readonly body?: Payload | Uint8Array<ArrayBuffer> | string | undefined
  /**
   * Told of interim answers, where the runtime shows them. The head then goes out before the body is there, and an
   * answer ends the wait for it.
   */
  readonly onInformation?: (information: Information) => void
  /**
   * What follows the body, asked for once all of it has been read. Only where {@link canStream}; the body then goes out in
   * the chunks of HTTP/1.1, without a length. https://www.rfc-editor.org/rfc/rfc9110#section-6.5
   */
  readonly trailers?: (() => Readonly<Record<string, string>>) | undefined
  /** The answer's body is wanted as a stream, if the status says that it is the content (2xx). */
  readonly stream?: boolean
  /** 308 is an answer of the protocol, without a `Location`: where redirects are hidden, it must be let through. */
  readonly answers308?: boolean
}

/** An interim answer. */
export type Information = Pick<HttpResponse, 'status' | 'header'>

export interface HttpResponse {
  readonly status: number
  /** A header's value, whatever the case of its name. */
  header(name: string): string | undefined
  /** Every header, as name and value. */
  headers(): (readonly [name: string, value: string])[]
  /** The body. Empty if there was none, or if it was asked for as a stream. */
  text(): Promise<string>
  /** The body as it arrives, if it was asked for so. */
  readonly stream?: ReadableStream<Uint8Array<ArrayBuffer>>
}

/**
 * Makes one request. Redirects are not followed: an answer that leads elsewhere is the driver's to judge.
 * @throws FilesError `Provider` if there was no answer.
 */
export type Http = (request: HttpRequest, call: Call) => Promise<HttpResponse>

/** Whether request bodies of any size can be streamed. Where they cannot, a piece is held in memory. */
export function canStream(): boolean {
  return globalThis.process?.getBuiltinModule?.('node:http') !== undefined
}

/**
 * The runtime's own HTTP: Node's where there is one, several times faster for bodies than `fetch`; in pages and
 * their workers `XMLHttpRequest`, which shows progress, but for answers that are streamed; else `fetch`.
 */
export const http: Http = async (request, call) => {
  const { request: send } = canStream()
    ? await import('./node-http.ts')
    : request.stream || globalThis.XMLHttpRequest === undefined
      ? await import('./fetch-http.ts')
      : await import('./xhr-http.ts')
  return send(request, call)
}
