/**
 * Videos of a library at Bunny Stream: https://docs.bunny.net/stream/tus-resumable-uploads
 *
 * Can: resumable uploads over tus, signed with the library's key, or by a backend. Cannot: anything else. A key
 * becomes the title of the video, which need not be unique; `url` of the result is where the video is shown. Bunny
 * reports no digest: nothing is compared at the end.
 */
import type { Adapter } from '../../adapter.ts'
import type { Call, UploadIntent } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import { type Http, http } from '../../http/http.ts'
import { isObject } from '../../json.ts'
import { refuseEmpty } from '../no-empty.ts'
import { presetDriver } from '../tus/preset.ts'

/** What Bunny lets upload one video until a moment. */
export interface BunnySignature {
  readonly videoId: string
  /** Seconds since 1970. */
  readonly expires: number
  /** SHA-256 of library, key, `expires` and `videoId` one behind the other, in hex. */
  readonly signature: string
}

export interface BunnyStreamOptions {
  /** The library's id. */
  readonly library: string
  /** The library's API key. For servers only. */
  readonly apiKey?: string
  /**
   * Asks your backend instead: it makes a video of the title, or signs for the one that is named, because the
   * signature before has expired.
   */
  readonly sign?: (video: { readonly title: string; readonly videoId?: string }) => Promise<BunnySignature>
  /** The collection that videos go to. */
  readonly collection?: string
  /** Default: `https://video.bunnycdn.com`. */
  readonly endpoint?: string
  readonly http?: Http
}

/** Seconds that a signature of this package is good for. */
const FRESH = 3600
const HOSTS = /(?:^|\.)bunnycdn\.com$/

/** @example new Files({ adapter: bunnyStream({ library: '759', apiKey: process.env.BUNNY_KEY }) }) */
export function bunnyStream(options: BunnyStreamOptions): Adapter<undefined> {
  const { library, apiKey, sign, collection, http: send = http } = options
  if ((apiKey === undefined) === (sign === undefined))
    throw new FilesError('NotSupported', 'bunnyStream() needs an apiKey or sign')
  const endpoint = (options.endpoint ?? 'https://video.bunnycdn.com').replace(/\/+$/, '')
  const videos = `${endpoint}/library/${encodeURIComponent(library)}/videos`
  const access = { accesskey: apiKey ?? '' }

  async function make({ key: title }: UploadIntent, call: Call): Promise<string> {
    const headers = { ...access, 'content-type': 'application/json' }
    const body = JSON.stringify({ title, collectionId: collection })
    const response = await send({ method: 'POST', url: videos, headers, body }, call)
    const text = await response.text()
    const what = `making the video of ${JSON.stringify(title)}`
    if (response.status >= 300) throw statusError(what, response, text)
    const { guid } = fieldsOf(text)
    if (typeof guid === 'string') return guid
    throw new FilesError('Provider', `${what}: the answer names no video`, undefined, { retryable: false })
  }

  return {
    name: 'bunny-stream',
    place: videos,
    raw: undefined,
    traits: { minSize: 1, resumable: true },
    driver: (intent) => {
      refuseEmpty('Bunny Stream', intent)
      const title = intent.key
      let signed: BunnySignature | undefined
      let refused = false
      const signature = async (videoId: string): Promise<BunnySignature> => {
        const late = signed === undefined || signed.expires * 1000 < Date.now() || refused
        if (late)
          signed = sign ? await sign({ title, videoId }) : await signatureOf(library, apiKey ?? '', videoId)
        refused = false
        return signed ?? signatureOf(library, apiKey ?? '', videoId)
      }
      return presetDriver(
        {
          hosts: HOSTS,
          home: endpoint,
          make: async (upload, call) => {
            if (sign) signed = await sign({ title })
            const video = signed?.videoId ?? (await make(upload, call))
            return { video, at: `${endpoint}/tusupload` }
          },
          tus: ({ video, at }) => ({
            endpoint: at,
            headers: async () => {
              const { expires, signature: text } = await signature(video)
              return {
                authorizationsignature: text,
                authorizationexpire: String(expires),
                libraryid: library,
                videoid: video,
              }
            },
            metadata: ({ contentType }) => ({
              filetype: contentType,
              title,
              ...(collection === undefined ? {} : { collection }),
            }),
            http: send,
          }),
          result: (video) => ({
            url: `https://iframe.mediadelivery.net/play/${encodeURIComponent(library)}/${encodeURIComponent(video)}`,
          }),
          remove: async (video, call) => {
            if (apiKey === undefined) return false
            const url = `${videos}/${encodeURIComponent(video)}`
            const response = await send({ method: 'DELETE', url, headers: access }, call)
            if (response.status < 300 || response.status === 404) return true
            throw statusError('deleting the video', response, await response.text())
          },
          refresh: async () => {
            // Its own signatures are made with a key that does not change.
            refused = sign !== undefined
            return refused
          },
        },
        intent,
      )
    },
  }
}

async function signatureOf(library: string, apiKey: string, videoId: string): Promise<BunnySignature> {
  const expires = Math.floor(Date.now() / 1000) + FRESH
  const text = new TextEncoder().encode(`${library}${apiKey}${expires}${videoId}`)
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', text))
  const signature = Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return { videoId, expires, signature }
}

function fieldsOf(text: string): { readonly guid?: unknown } {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}
