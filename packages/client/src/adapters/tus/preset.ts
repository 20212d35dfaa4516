/**
 * The driver of tus for a service that makes the upload in its own way: what the session knows of the video beside
 * the upload's URL, and where that URL may lead.
 */
import type { Call, OffsetDriver, ProviderResult, UploadIntent } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import type { Json } from '../../json.ts'
import { sessionText, wrongPlace } from '../../session.ts'
import { type ChunkLimits, chunkRule } from '../chunk-rule.ts'
import { placeOf } from '../upload-place.ts'
import { tusDriver } from './driver.ts'
import type { TusOptions } from './options.ts'
import type { TusSession } from './session.ts'
import { tusWire } from './wire.ts'

/** A video that is to be uploaded. */
export interface Video {
  /** How the service calls it. Empty: it has not told. */
  readonly video: string
  /** The endpoint, or the URL that was issued. */
  readonly at: string
}

/** What another process needs besides the upload's URL. */
export type VideoSession = TusSession & Video

export interface Preset {
  readonly chunk?: ChunkLimits
  /** Hosts of the service besides `home`, over TLS. */
  readonly hosts: RegExp
  /** The URL that was configured. */
  readonly home: string
  /** Makes the video; `tus` is told how it is uploaded. A repeat gives the same one where that is known. */
  make(intent: UploadIntent, call: Call): Promise<Video>
  /** How a video is uploaded that is made. */
  tus(video: Video): TusOptions
  /** What the service calls the video, if it tells that only with the upload. */
  told?(): string
  result(video: string): ProviderResult
  /** Gives the video up. False: only the upload can be given up, by its termination. */
  remove(video: string, call: Call): Promise<boolean>
  refresh(): Promise<boolean>
}

export function presetDriver(preset: Preset, intent: UploadIntent): OffsetDriver<VideoSession> {
  const { chunk = {}, hosts, home } = preset
  let driver: OffsetDriver<TusSession> | undefined
  let made: Video | undefined
  const nameOf = ({ video }: Video) => video || (preset.told?.() ?? '')

  function uploadTo(session: Video): OffsetDriver<TusSession> {
    // No service offers more than the core: nothing is asked before.
    const tus: TusOptions = { ...preset.tus(session), chunk, checksum: false, creationWithUpload: false }
    const place = placeOf(session.at)
    const resolve = (location: string) => checked(new URL(location, place.base).href)
    driver = tusDriver(tus, tusWire(tus), { base: place.base, resolve }, {})
    return driver
  }
  /** Whoever could write a token must not get the body, or the credentials, sent elsewhere. */
  function checked(url: string): string {
    const { origin, protocol, hostname } = new URL(URL.canParse(url) ? url : 'null:')
    if (origin === new URL(home).origin || (protocol === 'https:' && hosts.test(hostname))) return url
    throw wrongPlace('host', hostname, new URL(home).hostname)
  }
  function begun(): OffsetDriver<TusSession> {
    if (driver) return driver
    throw new FilesError('SessionGone', `there is no upload of ${JSON.stringify(intent.key)}`)
  }

  return {
    shape: 'offset',
    maxLanes: 1,
    chunk: chunkRule(chunk, false),
    adopt: (session) => {
      const place = { video: sessionText(session, 'video'), at: checked(sessionText(session, 'at')) }
      return { ...uploadTo(place).adopt(session as Json), ...place }
    },
    begin: async (_intent, lanes, first, call) => {
      made ??= await preset.make(intent, call)
      const { at } = made
      checked(at)
      const { session, offsets } = await uploadTo(made).begin(intent, lanes, first, call)
      return { session: { ...session, at, video: nameOf(made) }, offsets }
    },
    probe: (session, ...rest) => begun().probe(session, ...rest),
    send: (session, ...rest) => begun().send(session, ...rest),
    complete: async (session, _intent, call) => {
      // The URL is the upload's, which nobody can read.
      const { url: _, ...done } = await begun().complete(session, intent, call)
      return { ...done, ...preset.result(nameOf(session)) }
    },
    discard: async (session, call, complete) => {
      const video = nameOf(session)
      if (video === '' || !(await preset.remove(video, call))) await begun().discard(session, call, complete)
    },
    refresh: preset.refresh,
  }
}
