/** Pictures: their size as it is to be shown, whether they are whole, and a small one of them. */
import { Readable } from 'node:stream'
import { imageSize } from 'image-size'
import type { Sharp, SharpOptions } from 'sharp'
import type { MediaFacts } from '../media-file.ts'
import { damaged, overLimit } from './inspection.ts'
import type { MediaBytes } from './media-bytes.ts'

export type MakeSharp = (options: SharpOptions) => Sharp

/** As many as sharp decodes unless told otherwise. */
const MAX_PIXELS = 16383 * 16383
/** Profiles and previews stand before the size in some files. */
const HEAD = 4 * 1024 * 1024
/** Larger files are not decoded. */
const MAX_DECODED = 256 * 1024 * 1024
/** Pixels, the longer side of a thumbnail. */
const THUMBNAIL = 320
const CHUNK = 1024 * 1024

/** Exif: the picture lies on its side. */
const TURNED = new Set([5, 6, 7, 8])

/** @throws BadMedia */
export async function inspectImage(
  bytes: MediaBytes,
  type: string,
  sharp: MakeSharp | undefined,
): Promise<{ facts: MediaFacts; thumbnail?: Uint8Array | undefined }> {
  const head = await bytes.head(HEAD)
  const { width, height, orientation } = sizeOf(head)
  if (width * height > MAX_PIXELS) throw overLimit(`a picture of ${width} × ${height} pixels`)
  await checkEnd(bytes, type)
  const turned = orientation !== undefined && TURNED.has(orientation)
  const facts = {
    width: turned ? height : width,
    height: turned ? width : height,
    orientation,
    format: type.slice('image/'.length),
  }
  if (sharp === undefined || bytes.size > MAX_DECODED) return { facts }
  const thumbnail = await decode(bytes, sharp)
  return { facts, thumbnail }
}

function sizeOf(head: Uint8Array) {
  try {
    const { width, height, orientation } = imageSize(head)
    if (width > 0 && height > 0) return { width, height, orientation }
  } catch {}
  throw damaged('its header names no size')
}

/** Reads every pixel: what says that it is one picture and holds another does not get through. */
async function decode(bytes: MediaBytes, sharp: MakeSharp): Promise<Uint8Array | undefined> {
  const picture = sharp({ limitInputPixels: MAX_PIXELS, failOn: 'error', sequentialRead: true })
  const source = Readable.from(chunks(bytes), { objectMode: false })
  source.on('error', (error) => picture.destroy(error))
  source.pipe(picture)
  try {
    return await picture
      .rotate()
      .resize({ width: THUMBNAIL, height: THUMBNAIL, fit: 'inside', withoutEnlargement: true })
      .webp({ quality: 75 })
      .toBuffer()
  } catch (error) {
    const message = error instanceof Error ? error.message : ''
    // A format that this build does not read is no fault of the file.
    if (/unsupported image format/i.test(message)) return undefined
    throw damaged('its pixels cannot be read')
  } finally {
    source.destroy()
  }
}

async function* chunks(bytes: MediaBytes): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.size; at += CHUNK) yield await bytes.read(at, CHUNK)
}

/** What stands at the end of a whole file; some programs leave a little behind it. */
const ENDS: Readonly<Record<string, Buffer>> = {
  'image/png': Buffer.from('49454e44ae426082', 'hex'),
  'image/jpeg': Buffer.from('ffd9', 'hex'),
  'image/gif': Buffer.from('3b', 'hex'),
}
const TAIL = 64 * 1024

/** @throws BadMedia for a file whose end is missing */
async function checkEnd(bytes: MediaBytes, type: string): Promise<void> {
  const end = ENDS[type]
  if (end !== undefined && !Buffer.from(await bytes.tail(TAIL)).includes(end)) {
    throw damaged('its end is missing')
  }
  if (type !== 'image/webp') return
  const declared = Buffer.from(await bytes.head(12)).readUInt32LE(4) + 8
  if (declared > bytes.size) throw damaged('its end is missing')
}
