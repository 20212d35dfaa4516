/** What a file is, by its bytes. */
import { fileTypeFromBuffer, supportedMimeTypes } from 'file-type'
import type { MediaBytes } from './media-bytes.ts'
import { plainType } from './types.ts'

/** What decides is near the beginning; office files name themselves in one of their first entries. */
const HEAD = 1024 * 1024

const MARKED: ReadonlySet<string> = new Set(
  [...supportedMimeTypes, 'image/svg+xml'].map((type) => plainType(type)),
)

/** Whether files of this type can be known by their bytes. */
export function isMarked(type: string): boolean {
  return MARKED.has(type)
}

/** The media type, or undefined for bytes that no type marks, such as plain text. */
export async function detect(bytes: MediaBytes): Promise<string | undefined> {
  const head = await bytes.head(HEAD)
  const found = (await fileTypeFromBuffer(head))?.mime
  if (found === undefined || found === 'application/xml') {
    return isSvg(head) ? 'image/svg+xml' : found
  }
  return found
}

/** Whether the first element is `svg`: behind a declaration, comments and a document type. */
function isSvg(head: Uint8Array): boolean {
  const text = new TextDecoder().decode(head.subarray(0, 64 * 1024)).replace(/^\uFEFF/, '')
  let at = 0
  for (;;) {
    while (/\s/.test(text[at] ?? '')) at += 1
    if (!/^<[?!]/.test(text.slice(at, at + 2))) return /^<(\w+:)?svg[\s>/]/.test(text.slice(at, at + 64))
    const end = endOf(text, at)
    if (end === -1) return false
    at = end
  }
}

/** Behind a declaration, comment or document type that begins at `at`; -1 when it does not end. */
function endOf(text: string, at: number): number {
  const [open, close] = text.startsWith('<!--', at)
    ? ['<!--', '-->']
    : text.startsWith('<?', at)
      ? ['<?', '?>']
      : ['<!', '>']
  const bracket = open === '<!' ? text.indexOf('[', at) : -1
  const first = text.indexOf(close, at + open.length)
  if (bracket === -1 || first === -1 || bracket > first) return first === -1 ? -1 : first + close.length
  const inner = text.indexOf(']', bracket)
  const end = inner === -1 ? -1 : text.indexOf('>', inner)
  return end === -1 ? -1 : end + 1
}
