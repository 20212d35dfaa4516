/** What the creating request says of the body. Section "Upload Creation". */
import { formatUploadComplete } from '@pawl/protocol'
import type { UploadIntent } from '../../driver.ts'

/** @param complete - the request brings all the bytes */
export function creationHeaders(intent: UploadIntent, complete: boolean): Readonly<Record<string, string>> {
  const name = intent.key.slice(intent.key.lastIndexOf('/') + 1)
  return {
    'content-type': intent.contentType,
    'content-disposition': `inline; filename*=UTF-8''${encoded(name)}`,
    'upload-complete': formatUploadComplete(complete),
    'upload-length': String(intent.size),
  }
}

/** Percent-encoded for `filename*` (RFC 8187). */
function encoded(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
