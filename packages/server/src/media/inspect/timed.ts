/** Sound and film: how long, how large, and whether all of it is there. */
import mediaInfoFactory, { type MediaInfo } from 'mediainfo.js'
import { z } from 'zod'
import type { MediaFacts } from '../media-file.ts'
import { damaged } from './inspection.ts'
import type { MediaBytes } from './media-bytes.ts'

const Amount = z.coerce.number().nonnegative().optional().catch(undefined)

const Report = z.object({
  media: z.object({
    track: z.array(
      z.object({
        '@type': z.string(),
        Format: z.string().optional(),
        Duration: Amount,
        OverallBitRate: Amount,
        BitRate: Amount,
        Width: Amount,
        Height: Amount,
        Rotation: Amount,
        extra: z.looseObject({ IsTruncated: z.string().optional() }).optional(),
      }),
    ),
  }),
})

let loading: Promise<MediaInfo<'object'>> | undefined

/** @throws BadMedia */
export async function inspectTimed(
  bytes: MediaBytes,
): Promise<{ facts: MediaFacts; picture: boolean; sound: boolean }> {
  loading ??= mediaInfoFactory({ format: 'object' })
  const parser = await loading
  // What a read throws does not come out of the parser.
  let fault: unknown
  const report = await parser.analyzeData(bytes.size, (length, start) =>
    bytes.read(start, length).catch((error: unknown) => {
      fault ??= error
      return new Uint8Array()
    }),
  )
  if (fault !== undefined) throw fault
  const parsed = Report.safeParse(report)
  const tracks = parsed.success ? parsed.data.media.track : []
  const of = (type: string) => tracks.find((track) => track['@type'] === type)
  const [general, video, audio] = [of('General'), of('Video'), of('Audio')]
  if (general?.extra?.IsTruncated === 'Yes') throw damaged('its end is missing')
  if (video === undefined && audio === undefined) throw damaged('there is neither picture nor sound in it')
  const turned = video?.Rotation === 90 || video?.Rotation === 270
  const [width, height] = turned ? [video?.Height, video?.Width] : [video?.Width, video?.Height]
  return {
    picture: video !== undefined,
    sound: audio !== undefined,
    facts: {
      duration: general?.Duration ?? audio?.Duration ?? video?.Duration,
      bitrate: general?.OverallBitRate ?? audio?.BitRate,
      width,
      height,
    },
  }
}
