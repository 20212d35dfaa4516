/** HTTP as drivers use it: a body that can be streamed, an answer with its headers. */
import type { Call, Payload } from '../driver.ts'

export interface HttpRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** A piece of the upload, or a small body of the protocol's own. */
  readonly body?: Payload | Uint8Array<ArrayBuffer> | string | undefined
}

export interface HttpResponse {
  readonly status: number
  /** A header's value, whatever the case of its name. */
  header(name: string): string | undefined
  /** The body. Empty if there was none. */
  text(): Promise<string>
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

/** The runtime's own HTTP: Node's where there is one, several times faster for bodies than `fetch`; else `fetch`. */
export const http: Http = async (request, call) => {
  const { request: send } = canStream() ? await import('./node-http.ts') : await import('./fetch-http.ts')
  return send(request, call)
}
