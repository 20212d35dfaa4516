/** The tus driver with what Supabase wants: where to in the metadata, who may in headers of its own. */
import { parseUploadMetadata } from '@pawl/protocol'
import type { OffsetDriver, UploadIntent } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { type Http, http } from '../../http/http.ts'
import { sessionText, wrongPlace } from '../../session.ts'
import { tusDriver } from '../tus/driver.ts'
import type { Offer } from '../tus/offer.ts'
import type { TusOptions } from '../tus/options.ts'
import type { TusSession } from '../tus/session.ts'
import { tusWire } from '../tus/wire.ts'
import { type Place, placeOf } from '../upload-place.ts'
import type { SupabaseOptions } from './options.ts'
import { honest, type SupabaseWire } from './wire.ts'

/** Supabase takes chunks of this size only. https://supabase.com/docs/guides/storage/uploads/resumable-uploads */
const CHUNK = 6 * 1024 * 1024

export function supabaseDriver(
  options: SupabaseOptions,
  wire: SupabaseWire,
  known: { offer?: Offer },
  intent: UploadIntent,
): OffsetDriver<TusSession> {
  const { chunk = { exact: CHUNK }, parallel = 1, upsert = true } = options
  const overwrites = upsert && intent.condition === undefined
  let signature: string | undefined
  const credentials = async (context: { readonly refused: boolean }) => {
    const { signature: given } = options
    if (given === undefined) return wire.credentials(context)
    signature ??= typeof given === 'function' ? await given(intent.key) : given
    return { ...(options.apiKey && { apikey: options.apiKey }), 'x-signature': signature }
  }
  const cacheControl = secondsOf(intent.cacheControl)
  const endpoint = `${wire.base}/upload/resumable${options.signature === undefined ? '' : '/sign'}`
  const tus: TusOptions = {
    endpoint,
    chunk,
    parallel,
    http: own(honest(options.http ?? http), wire.bucket, intent.key),
    headers: async (context) => ({ ...(await credentials(context)), 'x-upsert': String(overwrites) }),
    metadata: ({ key, contentType, metadata }) => ({
      bucketName: wire.bucket,
      objectName: key,
      contentType,
      ...(cacheControl === undefined ? {} : { cacheControl }),
      ...(Object.keys(metadata).length === 0 ? {} : { metadata: JSON.stringify(metadata) }),
    }),
  }
  const requests = tusWire(tus)
  const driver = tusDriver(tus, requests, belowEndpoint(placeOf(endpoint), wire.base), known)
  return {
    shape: 'offset',
    get maxLanes() {
      return driver.maxLanes
    },
    get chunk() {
      return driver.chunk
    },
    prepare: async (call) => driver.prepare?.(call),
    adopt: (session) => {
      if (options.signature !== undefined) signature = sessionText(session, 'signature')
      return driver.adopt(session)
    },
    begin: async (upload, lanes, first, call) => {
      const { session, offsets } = await driver.begin(upload, lanes, first, call)
      return { session: signature === undefined ? session : { ...session, signature }, offsets }
    },
    probe: driver.probe,
    send: driver.send,
    complete: async (session, upload, call) => {
      // The URL is the upload's, which nobody can read: the object has its own.
      const { url: _, ...result } = await driver.complete(session, upload, call)
      return result
    },
    discard: driver.discard,
    refresh: async () =>
      options.signature === undefined && typeof options.token === 'function' && requests.refresh(),
  }
}

/** Uploads lie below the endpoint: any other URL of the same server would be an object, or a bucket. */
function belowEndpoint(place: Place, base: string): Place {
  return {
    base: place.base,
    resolve: (location) => {
      const url = place.resolve(location)
      const { pathname } = new URL(url)
      if (pathname.startsWith(`${new URL(base).pathname}/upload/resumable/`)) return url
      throw new FilesError('Unauthorized', `the upload's URL is at ${pathname.slice(0, 40)}`)
    },
  }
}

/** An upload tells where it goes: one that goes elsewhere is not ours, whatever a session token says. */
function own(send: Http, bucket: string, key: string): Http {
  return async (request, call) => {
    const response = await send(request, call)
    // Parts that are still to be joined go nowhere, and have none.
    const header = request.method === 'HEAD' ? response.header('upload-metadata') : undefined
    if (header === undefined) return response
    const metadata = parseUploadMetadata(header)
    const [theirs, ours] = [`${metadata.get('bucketName')}/${metadata.get('objectName')}`, `${bucket}/${key}`]
    if (theirs !== ours) throw wrongPlace('the object', theirs, ours)
    return response
  }
}

/** What Supabase knows of `Cache-Control`: an age in seconds, or nothing. @throws FilesError `NotSupported` */
function secondsOf(cacheControl: string | undefined): string | undefined {
  if (cacheControl === undefined || cacheControl === 'no-cache') return cacheControl
  const seconds = /^(?:max-age=)?(\d{1,10})$/.exec(cacheControl)?.[1]
  if (seconds !== undefined) return seconds
  throw new FilesError(
    'NotSupported',
    `Supabase keeps max-age=<seconds> or no-cache, not ${JSON.stringify(cacheControl)}`,
  )
}
