/** Media types: which kind of file each is, and whether what was declared is what was found. */
import type { MediaType } from '../media-file.ts'

/** Other names for one and the same type. */
const SAME: Readonly<Record<string, string>> = {
  'image/jpg': 'image/jpeg',
  'image/pjpeg': 'image/jpeg',
  'image/x-png': 'image/png',
  'image/apng': 'image/png',
  'image/svg': 'image/svg+xml',
  'image/vnd.microsoft.icon': 'image/x-icon',
  'image/x-ms-bmp': 'image/bmp',
  'image/heif': 'image/heic',
  'audio/mp3': 'audio/mpeg',
  'application/x-zip-compressed': 'application/zip',
  'application/x-zip': 'application/zip',
  'application/x-gzip': 'application/gzip',
  'application/x-pdf': 'application/pdf',
  'application/vnd.rar': 'application/x-rar-compressed',
  'text/rtf': 'application/rtf',
  'text/xml': 'application/xml',
}

/** Pictures that browsers tell apart: one for another is a mistake or a trick. */
const STRICT: ReadonlySet<string> = new Set([
  'image/jpeg',
  'image/png',
  'image/gif',
  'image/webp',
  'image/avif',
  'image/svg+xml',
  'image/bmp',
])

const ARCHIVES =
  /^application\/(zip|gzip|x-(rar|7z|tar|bzip2|xz|lzip|lzh|compress|ace|gtar|rar-compressed|7z-compressed)|zstd|java-archive|vnd\.ms-cab-compressed)/
const DOCUMENTS =
  /^(text\/|application\/(pdf|rtf|json|xml|msword|epub|postscript|x-mobipocket|x-cfb|vnd\.(ms-(excel|powerpoint|word|outlook)|openxmlformats|oasis\.opendocument|apple\.(pages|numbers|keynote))))/
const TIMED = /^((audio|video)\/|application\/(ogg|mxf|vnd\.ms-asf|vnd\.rn-realmedia|mp4))/
/** Are zip archives inside, and cannot always be told from one. */
const ZIPPED =
  /openxmlformats|opendocument|epub|java-archive|android|3mf|usdz|vnd\.apple|ms-(excel|word|powerpoint)/
/** Are compound files inside. */
const COMPOUND = /msword|vnd\.ms-|x-msi|x-cfb/

const UNTOLD = 'application/octet-stream'

/** Without parameters, in lower case, under its first name. */
export function plainType(type: string): string {
  const bare = (type.split(';', 1)[0] ?? '').trim().toLowerCase()
  return SAME[bare] ?? bare
}

export function isTimed(type: string): boolean {
  return TIMED.test(type)
}

export function mediaTypeOf(type: string): MediaType {
  if (type === 'image/svg+xml') return 'VECTOR'
  if (type.startsWith('image/')) return 'IMAGE'
  if (type.startsWith('audio/')) return 'AUDIO'
  if (isTimed(type)) return 'VIDEO'
  if (type.startsWith('model/')) return 'MODEL3D'
  if (ARCHIVES.test(type)) return 'ARCHIVE'
  return DOCUMENTS.test(type) ? 'DOCUMENT' : 'OTHER'
}

/**
 * The type a file has, of what was declared and what was found in its bytes; undefined when they contradict
 * each other.
 * @param found - undefined when the bytes have no mark of a type
 * @param isMarked - whether files of a type have a mark that would have been found
 */
export function agreedType(
  declared: string,
  found: string | undefined,
  isMarked: (type: string) => boolean,
): string | undefined {
  const said = plainType(declared)
  if (said.endsWith('/*'))
    return found !== undefined && isOfKind(plainType(found), said) ? plainType(found) : undefined
  if (found === undefined) return isMarked(said) ? undefined : said
  const is = plainType(found)
  if (said === UNTOLD || said === is) return is
  if (isTimed(said) && isTimed(is)) return is
  if (is === 'application/zip' && ZIPPED.test(said)) return said
  if (is === 'application/x-cfb' && COMPOUND.test(said)) return said
  if (is === 'application/xml' && (said.endsWith('+xml') || said.startsWith('text/'))) {
    return STRICT.has(said) ? undefined : said
  }
  if (STRICT.has(said) || STRICT.has(is)) return undefined
  return said.split('/')[0] === is.split('/')[0] && !said.startsWith('application/') ? is : undefined
}

/** `image/*` and the like: what is only said to be of a kind. */
function isOfKind(type: string, kind: string): boolean {
  const top = kind.slice(0, -1)
  return type.startsWith(top) || (isTimed(top) && isTimed(type))
}
