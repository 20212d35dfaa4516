/**
 * Uploads to any tus 1.0 server: https://tus.io/protocols/resumable-upload
 *
 * Can: resume in another process, creation-with-upload, a checksum with each chunk where offered, several
 * parts of one file side by side joined by concatenation where offered, uploads created elsewhere, services
 * that prescribe chunk sizes.
 * Cannot: read, list, copy or delete objects, because tus has no words for it; `url` of the result is the upload's.
 */
import type { Adapter } from '../../adapter.ts'
import { FilesError } from '../../errors.ts'
import { placeOf } from '../upload-place.ts'
import { tusDriver } from './driver.ts'
import type { Offer } from './offer.ts'
import type { TusOptions } from './options.ts'
import { tusWire } from './wire.ts'

export type { HeaderSource } from '../credentials.ts'
export type { TusOptions } from './options.ts'

/**
 * @example
 * const files = new Files({ adapter: tus({ endpoint: 'http://127.0.0.1:8080/files/' }) })
 * const { url } = await files.upload('db.tar', file)
 */
export function tus(options: TusOptions): Adapter<undefined> {
  const base = options.endpoint ?? options.uploadUrl
  if (base === undefined) throw new FilesError('NotSupported', 'tus() needs an endpoint or an uploadUrl')
  // Late: where pages are rendered on a server, a relative endpoint leads nowhere yet.
  const place = () => placeOf(base, options.trustedOrigins)
  const wire = tusWire(options)
  const known: { offer?: Offer } = {}
  return {
    name: 'tus',
    get place() {
      return place().base
    },
    raw: undefined,
    traits: { metadata: true, resumable: true },
    driver: () => tusDriver(options, wire, place(), known),
  }
}
