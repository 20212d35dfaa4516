/**
 * One folder of Google Drive: https://developers.google.com/drive/api/guides/manage-uploads
 *
 * Can: resumable sessions, asked for their offset after every doubt; the SHA-256 that Drive reports is compared
 * with that of the body (not in browsers); every file operation but URLs. A key is the name of a file in the
 * folder, slashes included. Names are not unique in Drive: an existing one is looked up and given new content,
 * so that no second one appears.
 * Cannot: overwrite on condition, because Drive has no such request: two clients that create the same new name
 * at the same moment still make two files. Lists read the whole folder.
 */
import type { Adapter } from '../../adapter.ts'
import { FilesError } from '../../errors.ts'
import type { Http } from '../../http/http.ts'
import { storedFile } from '../../stored-file.ts'
import { callOf } from '../call.ts'
import { type GoogleCredentials, googleAuthorization } from '../google/auth.ts'
import { googleDriver } from '../google/driver.ts'
import { type GoogleWire, googleWire } from '../google/wire.ts'
import { listPage } from '../listing.ts'
import { reader } from '../reading.ts'
import { type TokenSource, tokenAuthorization } from '../token.ts'
import { changesOf, drivePlace, factsOf, resultOf, SHOWN } from './files.ts'

export type { GoogleCredentials } from '../google/auth.ts'
export type { TokenSource } from '../token.ts'

export interface GoogleDriveOptions {
  /** The folder's id: the end of its URL. Default: the root of the drive. */
  readonly folder?: string
  /** A service account's key; the folder must be shared with it. Default: application default credentials. */
  readonly credentials?: GoogleCredentials
  /** An access token instead, such as that of a user; as a function it is asked again when refused. */
  readonly token?: TokenSource
  /**
   * What the credentials ask for. Default: the whole drive; with `https://www.googleapis.com/auth/drive.file` only
   * files that this application made are seen.
   */
  readonly scope?: string
  /** Default: `https://www.googleapis.com`. */
  readonly endpoint?: string
  readonly http?: Http
}

const ENDPOINT = 'https://www.googleapis.com'
const SCOPE = 'https://www.googleapis.com/auth/drive'

/** @example new Files({ adapter: googleDrive({ folder: '1a2B3c', token: () => accessToken() }) }) */
export function googleDrive(options: GoogleDriveOptions = {}): Adapter<GoogleWire> {
  const { folder = 'root', credentials, token, scope = SCOPE, endpoint = ENDPOINT, http } = options
  const base = endpoint.replace(/\/+$/, '')
  const wire = googleWire(
    token === undefined ? googleAuthorization(scope, credentials, false) : tokenAuthorization(token),
    http,
  )
  const place = drivePlace(wire, `${base}/drive/v3/files`, folder)
  const uploads = `${base}/upload/drive/v3/files`
  const read = reader(async (key, headers, signal) => {
    const { id } = await place.get(key, callOf(signal))
    const request = { method: 'GET', url: place.urlOf(id, { alt: 'media' }), headers, stream: true }
    return wire.expect(`reading ${JSON.stringify(key)}`, request, callOf(signal))
  })
  /** Whatever else stands under the name goes, once the new one is there. */
  const alone = async (key: string, id: string, signal: AbortSignal) => {
    for (const other of await place.named(key, callOf(signal)))
      if (other.id !== id) await place.remove(other.id, callOf(signal))
  }

  return {
    name: 'google-drive',
    place: `${uploads}#${folder}`,
    raw: wire,
    traits: { rangeRead: true, delimiter: true, metadata: true, serverSideCopy: true, resumable: true },
    driver: (intent) => {
      const { contentType, metadata } = intent
      const key = checkName(intent.key)
      return googleDriver(
        {
          wire,
          start: async (call) => {
            const [existing] = await place.named(key, call)
            const query = new URLSearchParams({
              uploadType: 'resumable',
              supportsAllDrives: 'true',
              fields: SHOWN,
            })
            const changes = changesOf(contentType, metadata, existing)
            return {
              method: existing ? 'PATCH' : 'POST',
              url: `${uploads}${existing ? `/${encodeURIComponent(existing.id)}` : ''}?${query}`,
              body: JSON.stringify(existing ? changes : { ...changes, name: key, parents: [folder] }),
              type: contentType,
            }
          },
          isOurs: ({ origin, pathname }) => {
            const home = new URL(uploads)
            return (
              origin === home.origin &&
              (pathname === home.pathname || pathname.startsWith(`${home.pathname}/`))
            )
          },
          digest: 'sha-256',
          resultOf,
        },
        intent,
      )
    },
    download: (key, range, { signal }) =>
      read.download(key, range, signal, (response) => ({ type: response.header('content-type') })),
    head: async (key, { signal }) =>
      storedFile(factsOf(await place.get(key, callOf(signal))), read.lazy(key)),
    delete: async (key, { signal }) => {
      for (const { id } of await place.named(key, callOf(signal))) await place.remove(id, callOf(signal))
    },
    copy: async (from, to, { signal }) => {
      const call = callOf(signal)
      const { id } = await place.get(from, call)
      const body = { name: checkName(to), parents: [folder] }
      await alone(
        to,
        (await place.change('POST', `copying ${JSON.stringify(from)}`, id, body, call)).id,
        signal,
      )
    },
    move: async (from, to, { signal }) => {
      const call = callOf(signal)
      const { id } = await place.get(from, call)
      await place.change('PATCH', `moving ${JSON.stringify(from)}`, id, { name: checkName(to) }, call)
      await alone(to, id, signal)
    },
    list: async (query, { signal }) => {
      const files = new Map(
        (await place.all(callOf(signal))).reverse().map((file) => {
          const facts = factsOf(file)
          return [facts.key, facts]
        }),
      )
      return listPage([...files.keys()], query, (key) => {
        const facts = files.get(key)
        return facts && storedFile(facts, read.lazy(key))
      })
    },
  }
}

/** Drive takes every name; this bounds what is sent with each search for it. */
function checkName(key: string): string {
  if (key !== '' && new TextEncoder().encode(key).length <= 1024) return key
  throw new FilesError('InvalidKey', `${JSON.stringify(key.slice(0, 100))} is no name of at most 1024 bytes`)
}
