/**
 * Videos at Vimeo: https://developer.vimeo.com/api/upload/videos#resumable-approach
 *
 * Can: resumable uploads over tus to the link that Vimeo gives for a video, with a token, or to one that a backend
 * asked for. Cannot: anything else. A key becomes the name of the video, which need not be unique; `url` of the
 * result is the video's. Vimeo reports no digest: nothing is compared at the end.
 */
import type { Adapter } from '../../adapter.ts'
import { FilesError } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import { type Http, http } from '../../http/http.ts'
import { isObject } from '../../json.ts'
import { refuseEmpty } from '../no-empty.ts'
import { type TokenSource, tokenAuthorization } from '../token.ts'
import { presetDriver, type Video } from '../tus/preset.ts'

export type { TokenSource } from '../token.ts'

export interface VimeoOptions {
  /** An access token with the scopes `upload` and, to give uploads up, `delete`. */
  readonly token?: TokenSource
  /** Asks your backend for a video instead: its `POST /me/videos`, of which it returns `uri` and `upload.upload_link`. */
  readonly uploadLink?: (video: {
    readonly name: string
    readonly size: number
  }) => Promise<{ readonly uri: string; readonly uploadLink: string }>
  /** Fields of the video, such as `description` and `privacy`. */
  readonly video?: Readonly<Record<string, unknown>>
  /** Default: `https://api.vimeo.com`. */
  readonly endpoint?: string
  readonly http?: Http
}

const ACCEPT = 'application/vnd.vimeo.*+json;version=3.4'
const HOSTS = /(?:^|\.)vimeo\.com$/

/** @example new Files({ adapter: vimeo({ token: process.env.VIMEO_TOKEN }) }) */
export function vimeo(options: VimeoOptions): Adapter<undefined> {
  const { token, uploadLink, video: fields, http: send = http } = options
  if (token === undefined && uploadLink === undefined)
    throw new FilesError('NotSupported', 'vimeo() needs a token or an uploadLink')
  const endpoint = (options.endpoint ?? 'https://api.vimeo.com').replace(/\/+$/, '')
  const authorization = tokenAuthorization(token ?? '')
  const headers = async () => ({ accept: ACCEPT, authorization: await authorization.header() })
  return {
    name: 'vimeo',
    place: `${endpoint}/me/videos`,
    raw: undefined,
    traits: { minSize: 1, resumable: true },
    driver: (intent) => {
      refuseEmpty('Vimeo', intent)
      const what = `making the video of ${JSON.stringify(intent.key)}`
      return presetDriver(
        {
          hosts: HOSTS,
          home: endpoint,
          make: async ({ key: name, size }, call): Promise<Video> => {
            if (uploadLink) {
              const { uri, uploadLink: at } = await uploadLink({ name, size })
              return { video: uri, at }
            }
            const response = await send(
              {
                method: 'POST',
                url: `${endpoint}/me/videos`,
                headers: { ...(await headers()), 'content-type': 'application/json' },
                body: JSON.stringify({ ...fields, name, upload: { approach: 'tus', size: String(size) } }),
              },
              call,
            )
            const text = await response.text()
            if (response.status >= 300) throw statusError(what, response, text)
            return videoIn(what, text)
          },
          // The link is the credential.
          tus: ({ at }) => ({ uploadUrl: at, http: send }),
          result: (video) => ({ url: `https://vimeo.com/${video.slice(video.lastIndexOf('/') + 1)}` }),
          remove: async (video, call) => {
            if (token === undefined || !/^\/videos\/\d+$/.test(video)) return false
            const request = { method: 'DELETE', url: endpoint + video, headers: await headers() }
            const response = await send(request, call)
            if (response.status < 300 || response.status === 404) return true
            throw statusError('deleting the video', response, await response.text())
          },
          refresh: () => authorization.refresh(),
        },
        intent,
      )
    },
  }
}

function videoIn(what: string, text: string): Video {
  try {
    const { uri, upload }: { uri?: unknown; upload?: unknown } = JSON.parse(text)
    const link = isObject(upload) ? upload.upload_link : undefined
    if (typeof uri === 'string' && typeof link === 'string') return { video: uri, at: link }
  } catch {}
  throw new FilesError('Provider', `${what}: the answer names no upload link`, undefined, {
    retryable: false,
  })
}
