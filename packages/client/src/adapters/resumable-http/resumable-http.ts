/**
 * Uploads to any HTTP resource that takes them, resumable where the server knows Resumable Uploads for HTTP
 * (draft-ietf-httpbis-resumable-upload); docs/resumable-http.md says which versions of it.
 *
 * Can: resume in another process, keep to the limits that the server announces, send everything in one request
 * (Node), fall back to an ordinary upload where the server knows no better.
 * Cannot: read, list, copy or delete objects; show how far an ordinary upload has got over `fetch`.
 */
import type { Adapter } from '../../adapter.ts'
import { placeOf } from '../upload-place.ts'
import { urlKey } from '../url-key.ts'
import { resumableDriver } from './driver.ts'
import type { Known } from './limits.ts'
import type { ResumableHttpOptions } from './options.ts'
import { resumableWire } from './wire.ts'

export type { HeaderSource } from '../credentials.ts'
export type { ResumableHttpOptions } from './options.ts'

/**
 * @example
 * const files = new Files({ adapter: resumableHttp({ endpoint: 'http://127.0.0.1:8080/files/' }) })
 * const { url } = await files.upload('db.tar', file)
 */
export function resumableHttp(options: ResumableHttpOptions): Adapter<undefined> {
  const endpoint = String(options.endpoint)
  // Late: where pages are rendered on a server, a relative endpoint leads nowhere yet.
  const place = () => placeOf(endpoint.replace('{key}', ''), options.trustedOrigins)
  const wire = resumableWire(options)
  const known: Known = {}
  return {
    name: 'resumable-http',
    get place() {
      return place().base
    },
    raw: undefined,
    traits: { resumable: true },
    driver: ({ key }) => {
      const path = urlKey(key).split('/').map(encodeURIComponent).join('/')
      const url = placeOf(endpoint.replace('{key}', () => path)).base
      return resumableDriver(options, wire, place(), url, known)
    },
  }
}
