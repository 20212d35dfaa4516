/** Pawl's server behind the rules of services that speak tus: what each demands beyond the protocol, and hides of it. */
import { createHash, randomUUID } from 'node:crypto'
import { json, Refused, type Reply } from '@pawl/emulators/listen'
import { type Tokens, tokens } from '@pawl/emulators/tokens'
import { parseUploadMetadata } from '@pawl/protocol'
import { type Front, startFront, tusCall } from './front.ts'
import { startPawl } from './pawl.ts'

export interface StreamService {
  readonly front: Front
  readonly endpoint: string
  readonly tokens: Tokens
  /** What was uploaded as a video of this name. */
  read(name: string): Promise<Uint8Array | undefined>
  close(): Promise<void>
}

export interface BunnyService extends StreamService {
  /** A backend that signs. */
  sign(video: { readonly title: string; readonly videoId?: string }): Promise<{
    readonly videoId: string
    readonly expires: number
    readonly signature: string
  }>
}

export const LIBRARY_KEY = 'library-key'

interface Rules {
  readonly minChunk: number
  readonly multiple: number
}

const MIB = 2 ** 20
const DEMANDED: Rules = { minChunk: 5 * MIB, multiple: MIB / 4 }
const MAX_CHUNK = 200 * MIB
/** Nothing of a request's credentials is for the server behind. */
const STRIPPED = {
  authorization: undefined,
  accesskey: undefined,
  authorizationsignature: undefined,
  authorizationexpire: undefined,
}
/** None of the services tells these. */
const HIDDEN = ['etag', 'repr-digest', 'tus-extension', 'tus-checksum-algorithm']

const refused = (status: number, message: string) => new Refused(json({ error: message }, status))
const plainly = ({ headers = {}, ...reply }: Reply, more: Record<string, string> = {}): Reply => ({
  ...reply,
  headers: {
    ...Object.fromEntries(Object.entries(headers).filter(([name]) => !HIDDEN.includes(name))),
    ...more,
  },
})

/** The services delete what is complete as well; the server behind keeps it. */
function deleted(reply: Reply, paths: Map<string, string>, video: string | undefined): Reply {
  if (reply.status !== 403) return reply
  for (const [name, path] of paths) if (path === video) paths.delete(name)
  return { status: 204 }
}

async function behind(
  start: (origin: string, paths: Map<string, string>) => Promise<Front>,
  accepted: Tokens,
) {
  const server = await startPawl()
  /** Paths of uploads by the name of their video: the last one counts. */
  const paths = new Map<string, string>()
  const front = await start(new URL(server.endpoint).origin, paths)
  return {
    front,
    endpoint: front.endpoint,
    tokens: accepted,
    read: async (name: string) => {
      const path = paths.get(name)
      const response = path === undefined ? undefined : await fetch(new URL(path, server.endpoint))
      return response?.ok ? new Uint8Array(await response.arrayBuffer()) : undefined
    },
    close: async () => {
      await front.close()
      await server.close()
    },
  }
}

/** Whatever may go wrong is worded alike: nobody reads it. */
const refusal = (status: number) => json({ error: 'not now' }, status)

/**
 * Cloudflare Stream: chunks of 5 to 200 MiB, a multiple of 256 KiB, and the video's id in a header of every answer.
 * https://developers.cloudflare.com/stream/uploading-videos/resumable-uploads/
 */
export function startCloudflareStream({ minChunk, multiple } = DEMANDED): Promise<StreamService> {
  const accepted = tokens()
  const lengths = new Map<string, number>()
  const ids = new Map<string, string>()
  /** One-time URLs: they are their own credential. */
  const direct = new Set<string>()
  const uploads = '/client/v4/accounts/account/stream'
  return behind(
    (origin, paths) =>
      startFront(origin, {
        callOf: ({ method }) => tusCall(method),
        refusal,
        rules: ({ method, url, headers, body, whole }) => {
          const allowed = direct.has(url.pathname)
            ? headers.authorization === undefined
            : accepted.accepts(headers.authorization)
          if (!allowed) throw refused(401, 'Authentication error')
          const tus = headers['tus-resumable'] !== undefined
          if (method === 'POST' && url.pathname === uploads) {
            if (headers['upload-length'] === undefined) throw refused(400, 'Upload-Length is required')
            return { path: '/files/', headers: STRIPPED }
          }
          const id = url.pathname.slice(uploads.length + 1)
          if (method === 'DELETE' && !tus) {
            const path = [...ids].find(([, one]) => one === id)?.[0]
            if (path === undefined) throw refused(404, 'Not found')
            return { path, headers: { ...STRIPPED, 'tus-resumable': '1.0.0' } }
          }
          if (method === 'PATCH') {
            const ends = Number(headers['upload-offset']) + body.length === lengths.get(url.pathname)
            const fits = body.length >= minChunk && body.length <= MAX_CHUNK && body.length % multiple === 0
            if (whole && !ends && !fits) throw refused(400, `a chunk of ${body.length} bytes is none`)
          }
          return { path: url.pathname, headers: STRIPPED }
        },
        back: (reply, { method, url, headers }) => {
          if (method === 'DELETE' && headers['tus-resumable'] === undefined) {
            const id = url.pathname.slice(uploads.length + 1)
            return deleted(reply, paths, [...ids].find(([, one]) => one === id)?.[0])
          }
          const { location } = reply.headers ?? {}
          const path = location === undefined ? url.pathname : new URL(location, origin).pathname
          if (method === 'POST' && reply.status === 201) {
            const name = parseUploadMetadata(String(headers['upload-metadata'])).get('name')
            paths.set(name ?? '', path)
            if (url.searchParams.get('direct_user') === 'true') direct.add(path)
            lengths.set(path, Number(headers['upload-length']))
            ids.set(path, createHash('md5').update(path).digest('hex'))
          }
          const id = ids.get(path)
          return plainly(reply, id === undefined ? {} : { 'stream-media-id': id })
        },
      }),
    accepted,
  )
}

/**
 * Vimeo: the upload is made with the video, over an interface of its own; its link is then asked and written to.
 * https://developer.vimeo.com/api/upload/videos
 */
export function startVimeo(): Promise<StreamService> {
  const accepted = tokens()
  const videos = new Map<string, string>()
  let count = 100
  return behind(
    (origin, paths) =>
      startFront(origin, {
        callOf: ({ method }) => tusCall(method),
        refusal,
        rules: ({ method, url, headers, body }) => {
          if (/^\/(?:me\/)?videos/.test(url.pathname)) {
            if (!accepted.accepts(headers.authorization)) throw refused(401, 'Something strange occurred')
            if (!/^application\/vnd\.vimeo\.\*\+json;\s*version=3\.4$/.test(headers.accept ?? ''))
              throw refused(400, 'no version was asked for')
            if (method === 'DELETE') {
              const path = videos.get(url.pathname)
              if (path === undefined) throw refused(404, 'The requested video could not be found')
              return { path, headers: { 'tus-resumable': '1.0.0', authorization: undefined } }
            }
            const { upload } = JSON.parse(body.toString())
            if (upload?.approach !== 'tus' || !(Number(upload.size) > 0))
              throw refused(400, 'size is required')
            return {
              path: '/files/',
              headers: {
                authorization: undefined,
                'content-type': undefined,
                'content-length': '0',
                'tus-resumable': '1.0.0',
                'upload-length': String(upload.size),
              },
              body: Buffer.alloc(0),
            }
          }
          if (headers.authorization !== undefined) throw new Error('a token was sent to an upload link')
          if (method === 'POST' || method === 'DELETE') throw new Refused({ status: 405 })
          return { path: url.pathname }
        },
        back: (reply, { method, url, body }) => {
          if (method === 'DELETE') return deleted(reply, paths, videos.get(url.pathname))
          const { location } = reply.headers ?? {}
          if (method !== 'POST' || reply.status !== 201 || location === undefined) return plainly(reply)
          const path = new URL(location, origin).pathname
          const uri = `/videos/${++count}`
          videos.set(uri, path)
          paths.set(JSON.parse(body.toString()).name, path)
          return json(
            { uri, upload: { approach: 'tus', upload_link: new URL(path, `http://${url.host}`).href } },
            200,
          )
        },
      }),
    accepted,
  )
}

/**
 * Bunny Stream: a video is made first; every request of its upload is signed until a moment.
 * https://docs.bunny.net/stream/tus-resumable-uploads
 */
export async function startBunnyStream(): Promise<BunnyService> {
  const accepted = tokens()
  const titles = new Map<string, string>()
  const uploads = new Map<string, string>()
  const base = Math.floor(Date.now() / 1000) + 1800
  /** What expires before is refused; it grows with each token that is expired. */
  const least = () => base + Number(accepted.current.replace(/\D/g, ''))
  const service = await behind(
    (origin, paths) =>
      startFront(origin, {
        callOf: ({ method, url }) =>
          method === 'POST' && url.pathname.startsWith('/library/') ? 'other' : tusCall(method),
        refusal,
        rules: ({ method, url, headers, body }) => {
          const [, guid] = /^\/library\/lib\/videos(?:\/(.+))?$/.exec(url.pathname) ?? []
          if (url.pathname.startsWith('/library/lib/videos')) {
            if (headers.accesskey !== LIBRARY_KEY) throw refused(401, 'Authentication failed')
            if (method === 'DELETE') {
              const path = uploads.get(guid ?? '')
              if (path === undefined) throw refused(404, 'Video not found')
              return { path, headers: { ...STRIPPED, 'tus-resumable': '1.0.0' } }
            }
            const made = randomUUID()
            titles.set(made, JSON.parse(body.toString()).title)
            return json({ guid: made })
          }
          const {
            videoid,
            libraryid,
            authorizationexpire: expires,
            authorizationsignature: signature,
          } = headers
          const right = sha256(`lib${LIBRARY_KEY}${expires}${videoid}`)
          const fresh = Number(expires) * 1000 > Date.now() && Number(expires) >= least()
          if (libraryid !== 'lib' || signature !== right || !fresh) throw refused(401, 'Unauthorized')
          if (!titles.has(String(videoid))) throw refused(404, 'Video not found')
          return { path: method === 'POST' ? '/files/' : url.pathname, headers: STRIPPED }
        },
        back: (reply, { method, headers }) => {
          const { location } = reply.headers ?? {}
          if (method === 'POST' && reply.status === 201 && location !== undefined) {
            const path = new URL(location, origin).pathname
            uploads.set(String(headers.videoid), path)
            paths.set(titles.get(String(headers.videoid)) ?? '', path)
          }
          return plainly(reply)
        },
      }),
    accepted,
  )
  return {
    ...service,
    sign: async ({ title, videoId }) => {
      const made = videoId ?? (await makeVideo(service.endpoint, title))
      return { videoId: made, expires: least(), signature: sha256(`lib${LIBRARY_KEY}${least()}${made}`) }
    },
  }
}

/** What a backend does that has the key. */
async function makeVideo(endpoint: string, title: string): Promise<string> {
  const headers = { accesskey: LIBRARY_KEY }
  const url = `${endpoint}/library/lib/videos`
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ title }) })
  return ((await response.json()) as { guid: string }).guid
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
