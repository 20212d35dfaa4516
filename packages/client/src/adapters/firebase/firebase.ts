/**
 * Firebase Storage with a user's own rights, over the interface of Firebase's client:
 * https://firebase.google.com/docs/storage/web/upload-files
 *
 * Can: resumable uploads, asked for their offset after every doubt; security rules, App Check; reading, listing,
 * deleting; the CRC-32C that the bucket reports is compared with that of the body.
 * Cannot: copy, overwrite on condition, have the digest checked before the object exists. Download URLs of
 * Firebase do not expire: `url` is there only with `permanentUrls`. A server with an account of its own reaches
 * the same bucket through Cloud Storage's interface, with `pawl/firebase-admin`, which can do all of this.
 */
import type { Adapter } from '../../adapter.ts'
import { FilesError } from '../../errors.ts'
import type { Http } from '../../http/http.ts'
import { type StoredFile, storedFile } from '../../stored-file.ts'
import { callOf } from '../call.ts'
import { checkBucket, checkName, factsOf, pageOf } from '../google/object.ts'
import { fieldsOf, type GoogleWire, googleWire, jsonOf, textOf } from '../google/wire.ts'
import { reader } from '../reading.ts'
import { type TokenSource, tokenAuthorization } from '../token.ts'
import { firebaseDriver } from './driver.ts'

export type { TokenSource } from '../token.ts'

export interface FirebaseOptions {
  /** As in the project's settings, without `gs://`. */
  readonly bucket: string
  /** The user's ID token: `() => user.getIdToken()`. Absent: requests are nobody's. */
  readonly token?: TokenSource
  /** `() => getToken(appCheck).then(({ token }) => token)`, where the project enforces App Check. */
  readonly appCheckToken?: () => Promise<string>
  /** `url` gives download URLs, which work until they are revoked, whatever `expiresIn` says. Default false. */
  readonly permanentUrls?: boolean
  /** Default: `https://firebasestorage.googleapis.com`. */
  readonly endpoint?: string
  readonly http?: Http
}

const ENDPOINT = 'https://firebasestorage.googleapis.com'
/** Lists name objects only; each is looked at for its size, so many at a time. */
const TOGETHER = 8
const PAGE = 100

/** @example new Files({ adapter: firebase({ bucket: 'app.appspot.com', token: () => user.getIdToken() }) }) */
export function firebase(options: FirebaseOptions): Adapter<GoogleWire> {
  const { bucket, token = '', appCheckToken, permanentUrls = false, endpoint = ENDPOINT, http } = options
  const authorization = token === '' ? nobody : tokenAuthorization(token, 'Firebase')
  const wire = googleWire(authorization, http, async () =>
    appCheckToken ? { 'x-firebase-appcheck': await appCheckToken() } : {},
  )
  const objects = `${endpoint.replace(/\/+$/, '')}/v0/b/${checkBucket(bucket)}/o`
  const urlOf = (key: string) => `${objects}/${encodeURIComponent(checkName(key))}`
  const read = reader((key, headers, signal) =>
    wire.expect(
      `reading ${JSON.stringify(key)}`,
      { method: 'GET', url: `${urlOf(key)}?alt=media`, headers, stream: true },
      callOf(signal),
    ),
  )
  const look = async (key: string, signal: AbortSignal) => {
    const what = `looking at ${JSON.stringify(key)}`
    return jsonOf(what, await wire.expect(what, { method: 'GET', url: urlOf(key) }, callOf(signal)))
  }
  const head = async (key: string, signal: AbortSignal) =>
    storedFile(factsOf(await look(key, signal)), read.lazy(key))

  return {
    name: 'firebase',
    place: objects,
    raw: wire,
    traits: {
      rangeRead: true,
      delimiter: true,
      metadata: true,
      cacheControl: true,
      signedUrls: permanentUrls,
      resumable: true,
    },
    driver: (intent) => {
      checkName(intent.key)
      return firebaseDriver(wire, { objects, urlOf }, intent)
    },
    download: (key, range, { signal }) =>
      read.download(key, range, signal, (response) => ({ type: response.header('content-type') })),
    head: (key, { signal }) => head(key, signal),
    delete: (key, { signal }) => wire.remove(`deleting ${JSON.stringify(key)}`, urlOf(key), callOf(signal)),
    list: async ({ prefix = '', cursor, limit = PAGE, delimiter }, { signal }) => {
      const query = new URLSearchParams({
        prefix,
        maxResults: String(Math.max(1, Math.min(limit, PAGE))),
        ...(cursor === undefined ? {} : { pageToken: cursor }),
        ...(delimiter === undefined ? {} : { delimiter }),
      })
      const request = { method: 'GET', url: `${objects}?${query}` }
      const page = await jsonOf('listing', await wire.expect('listing', request, callOf(signal)))
      const names = (Array.isArray(page.items) ? page.items : []).map(
        (item) => textOf(fieldsOf(item).name) ?? '',
      )
      const items: StoredFile[] = []
      for (let i = 0; i < names.length; i += TOGETHER)
        items.push(...(await Promise.all(names.slice(i, i + TOGETHER).map((name) => head(name, signal)))))
      return { items, ...pageOf(page) }
    },
    ...(permanentUrls && {
      url: async (key, { responseContentDisposition }, { signal }) => {
        if (responseContentDisposition !== undefined)
          throw new FilesError(
            'NotSupported',
            'Firebase keeps the disposition with the object, not in its URL',
          )
        const [access] = (textOf((await look(key, signal)).downloadTokens) ?? '').split(',')
        if (access) return `${urlOf(key)}?alt=media&token=${encodeURIComponent(access)}`
        throw new FilesError('NotSupported', `${JSON.stringify(key)} has no download token: it was revoked`)
      },
    }),
  }
}

const nobody = { header: async () => '', refresh: async () => false }
