/**
 * Videos at Cloudflare Stream: https://developers.cloudflare.com/stream/uploading-videos/resumable-uploads/
 *
 * Can: resumable uploads over tus, in chunks as Stream wants them; with a token, or to a URL that a backend asked
 * for. Cannot: anything else. A key becomes the name of the video, which need not be unique; `url` of the result is
 * where the video is shown. Stream reports no digest: nothing is compared at the end.
 */
import type { Adapter } from '../../adapter.ts'
import { FilesError } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import { type Http, http } from '../../http/http.ts'
import type { ChunkLimits } from '../chunk-rule.ts'
import { refuseEmpty } from '../no-empty.ts'
import { type TokenSource, tokenAuthorization } from '../token.ts'
import { presetDriver } from '../tus/preset.ts'

export type { TokenSource } from '../token.ts'

export interface CloudflareStreamOptions {
  /** The account's id. */
  readonly account?: string
  /** An API token with the permission `Stream: Edit`. */
  readonly token?: TokenSource
  /** Asks your backend for a one-time upload URL instead: it creates the upload with `?direct_user=true`. */
  readonly uploadUrl?: (video: { readonly name: string; readonly size: number }) => Promise<string>
  /** Settings of the video, such as `requiresignedurls`, `expiry`, `maxDurationSeconds`; sent as `Upload-Metadata`. */
  readonly settings?: Readonly<Record<string, string>>
  /** The creator's id, sent as `Upload-Creator`. */
  readonly creator?: string
  /** Default: 5 MiB to 200 MiB, a multiple of 256 KiB, as Stream demands. */
  readonly chunk?: ChunkLimits
  /** Default: `https://api.cloudflare.com/client/v4`. */
  readonly endpoint?: string
  readonly http?: Http
}

const MIB = 1024 * 1024
const CHUNK: ChunkLimits = { min: 5 * MIB, max: 200 * MIB, multiple: MIB / 4 }
const HOSTS = /(?:^|\.)(?:cloudflare|cloudflarestream|videodelivery)\.(?:com|net)$/

/** @example new Files({ adapter: cloudflareStream({ account: '…', token: process.env.CLOUDFLARE_TOKEN }) }) */
export function cloudflareStream(options: CloudflareStreamOptions): Adapter<undefined> {
  const { account, token, uploadUrl, settings, creator, chunk = CHUNK, http: send = http } = options
  if (uploadUrl === undefined && (account === undefined || token === undefined))
    throw new FilesError('NotSupported', 'cloudflareStream() needs an account and a token, or an uploadUrl')
  const endpoint = (options.endpoint ?? 'https://api.cloudflare.com/client/v4').replace(/\/+$/, '')
  const stream = `${endpoint}/accounts/${encodeURIComponent(account ?? '')}/stream`
  const authorization = tokenAuthorization(token ?? '')
  const credentials = async (): Promise<Record<string, string>> =>
    token === undefined ? {} : { authorization: await authorization.header() }
  return {
    name: 'cloudflare-stream',
    place: account === undefined ? endpoint : stream,
    raw: undefined,
    traits: { minSize: 1, resumable: true },
    driver: (intent) => {
      refuseEmpty('Cloudflare Stream', intent)
      let told = ''
      const watched: Http = async (request, call) => {
        const response = await send(request, call)
        told = response.header('stream-media-id') ?? told
        return response
      }
      return presetDriver(
        {
          chunk,
          hosts: HOSTS,
          home: endpoint,
          make: async ({ key: name, size }) => ({
            video: '',
            at: uploadUrl ? await uploadUrl({ name, size }) : stream,
          }),
          tus: ({ at }) => ({
            ...(uploadUrl ? { uploadUrl: at } : { endpoint: at }),
            // A URL that a backend asked for needs no credentials.
            ...(uploadUrl
              ? {}
              : { headers: async () => ({ ...(await credentials()), ...creatorOf(creator) }) }),
            metadata: ({ key }) => ({ name: key, ...settings }),
            http: watched,
          }),
          told: () => told,
          result: (video) => (video === '' ? {} : { url: `https://watch.cloudflarestream.com/${video}` }),
          remove: async (video, call) => {
            if (token === undefined || uploadUrl !== undefined) return false
            const url = `${stream}/${encodeURIComponent(video)}`
            const response = await send({ method: 'DELETE', url, headers: await credentials() }, call)
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

function creatorOf(creator: string | undefined): Record<string, string> {
  return creator === undefined ? {} : { 'upload-creator': creator }
}
