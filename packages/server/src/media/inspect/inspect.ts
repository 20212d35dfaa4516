/** Looks at a file: what it is, whether it is that as a whole, and what there is to say of it. */
import type { MediaFacts, MediaType } from '../media-file.ts'
import { inspectZip } from './archive.ts'
import { detect, isMarked } from './detect.ts'
import { inspectImage, type MakeSharp } from './image.ts'
import { BadMedia, damaged, type Inspection } from './inspection.ts'
import type { MediaBytes } from './media-bytes.ts'
import { inspectSvg } from './svg.ts'
import { inspectTimed } from './timed.ts'
import { agreedType, isTimed, mediaTypeOf } from './types.ts'

interface Seen {
  readonly facts: MediaFacts
  readonly thumbnail?: Uint8Array | undefined
  /** Where the bytes say more than the type. */
  readonly type?: string
}

/** @param sharp - decodes pictures, where it is installed */
export async function inspect(
  bytes: MediaBytes,
  declared: string,
  sharp: MakeSharp | undefined,
): Promise<Inspection> {
  let mediaType: MediaType = 'UNKNOWN'
  try {
    const found = await detect(bytes)
    const type = agreedType(declared, found, isMarked)
    if (type === undefined) {
      const is = found === undefined ? 'something else' : found
      throw new BadMedia('MISMATCH_MIME_TYPE', `the file was to be ${declared} and is ${is}`)
    }
    mediaType = mediaTypeOf(type)
    const seen = await look(bytes, type, sharp)
    const last = seen.type ?? type
    mediaType = mediaTypeOf(last)
    return { kind: 'fine', type: last, mediaType, facts: seen.facts, thumbnail: seen.thumbnail }
  } catch (error) {
    if (!(error instanceof BadMedia)) throw error
    return { kind: 'bad', mediaType, failure: { code: error.code, description: error.message } }
  }
}

async function look(bytes: MediaBytes, type: string, sharp: MakeSharp | undefined): Promise<Seen> {
  if (type === 'image/svg+xml') return { facts: await inspectSvg(bytes) }
  if (type.startsWith('image/')) return inspectImage(bytes, type, sharp)
  if (isTimed(type)) {
    const { facts, picture } = await inspectTimed(bytes)
    const really = picture ? type : type.replace(/^(video|application)\//, 'audio/')
    return { facts: { ...facts, format: formatOf(really) }, type: really }
  }
  if (type === 'application/pdf') await checkPdf(bytes)
  if (type === 'application/zip') await inspectZip(bytes)
  return { facts: {} }
}

function formatOf(type: string): string {
  return type === 'audio/mpeg' ? 'mp3' : type.slice(type.indexOf('/') + 1)
}

/** A PDF ends with where its parts are; some programs leave a little behind that. */
async function checkPdf(bytes: MediaBytes): Promise<void> {
  const tail = Buffer.from(await bytes.tail(64 * 1024))
  if (!tail.includes('%%EOF') || !tail.includes('startxref')) throw damaged('its end is missing')
}
