/** Requests to a WebDAV server: https://www.rfc-editor.org/rfc/rfc4918 */
import { encodeBase64 } from '@pawl/protocol'
import type { Call } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import { type HttpRequest, type HttpResponse, http } from '../../http/http.ts'
import { segmentsOf } from '../file-key.ts'
import { type Authorization, tokenAuthorization } from '../token.ts'
import { type Resource, resourcesOf } from './multistatus.ts'
import type { WebdavOptions } from './options.ts'

const PROPERTIES =
  '<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/><getlastmodified/><getetag/><getcontenttype/></prop></propfind>'

export class WebdavWire {
  /** Without a slash at its end. */
  readonly base: string
  readonly #send
  readonly #authorization: Authorization | undefined

  constructor({ url, user, password = '', token, http: send = http }: WebdavOptions) {
    const place = new URL(url)
    if (place.username !== '' || place.password !== '')
      throw new FilesError(
        'Unauthorized',
        'credentials do not belong into the URL: pass `user` and `password`',
      )
    this.base = `${place.origin}${place.pathname.replace(/\/+$/, '')}`
    this.#send = send
    const basic = () => encodeBase64(new TextEncoder().encode(`${user}:${password}`))
    if (user !== undefined) this.#authorization = tokenAuthorization(basic(), 'Basic')
    else if (token !== undefined) this.#authorization = tokenAuthorization(token)
  }

  /** @throws FilesError `InvalidKey` */
  urlOf(key: string): string {
    return `${this.base}/${segmentsOf(key).map(encodeURIComponent).join('/')}`
  }

  async send(request: HttpRequest, call: Call): Promise<HttpResponse> {
    const authorization = await this.#authorization?.header()
    const headers = { ...request.headers, ...(authorization === undefined ? {} : { authorization }) }
    return this.#send({ ...request, headers }, call)
  }

  async refresh(): Promise<boolean> {
    return (await this.#authorization?.refresh()) ?? false
  }

  /** @param also Statuses besides 2xx that are no error. */
  async expect(
    what: string,
    request: HttpRequest,
    call: Call,
    also: readonly number[] = [],
  ): Promise<HttpResponse> {
    const response = await this.send(request, call)
    if (response.status < 300 || also.includes(response.status)) return response
    throw statusError(what, response)
  }

  /** What a file holds. */
  async *content(
    what: string,
    url: string,
    headers: HttpRequest['headers'],
    call: Call,
  ): AsyncGenerator<Uint8Array> {
    const response = await this.expect(what, { method: 'GET', url, headers, stream: true }, call)
    if (response.stream) yield* response.stream
  }

  /** What is under a URL, and with depth 1 in it; undefined if there is nothing. */
  async look(what: string, url: string, depth: 0 | 1, call: Call): Promise<Resource[] | undefined> {
    const headers = { depth: String(depth), 'content-type': 'application/xml' }
    const request = { method: 'PROPFIND', url, headers, body: PROPERTIES }
    const response = await this.expect(what, request, call, [404])
    return response.status === 404 ? undefined : resourcesOf(await response.text())
  }

  /** Makes the folders above a URL. */
  async makeFolders(what: string, url: string, call: Call): Promise<void> {
    const folder = url.slice(0, url.lastIndexOf('/'))
    if (folder.length <= this.base.length) return
    const make = () => this.send({ method: 'MKCOL', url: `${folder}/`, headers: {} }, call)
    // 405: it is there. 409: the one above is not.
    let response = await make()
    if (response.status === 409) {
      await this.makeFolders(what, folder, call)
      response = await make()
    }
    if (response.status >= 300 && response.status !== 405) throw statusError(what, response)
  }

  async isFolder(what: string, url: string, call: Call): Promise<boolean> {
    return (await this.look(what, url, 0, call))?.[0]?.isFolder ?? false
  }

  /** A folder that is overwritten goes with everything below it. @throws FilesError `Conflict` */
  async refuseFolder(what: string, url: string, call: Call): Promise<void> {
    if (!(await this.isFolder(what, url, call))) return
    throw new FilesError('Conflict', `${what}: a folder has this name`, undefined, { retryable: false })
  }

  /** Renames or copies. @param overwrite False: 412 if there is something. */
  async relocate(
    what: string,
    method: 'MOVE' | 'COPY',
    from: string,
    to: string,
    overwrite: boolean,
    call: Call,
  ): Promise<HttpResponse> {
    if (overwrite) await this.refuseFolder(what, to, call)
    const headers = { destination: to, overwrite: overwrite ? 'T' : 'F' }
    return this.expect(what, { method, url: from, headers }, call)
  }
}
