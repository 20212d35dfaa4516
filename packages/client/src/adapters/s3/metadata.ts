/** User metadata as headers. Values beyond ASCII are percent-encoded, because headers cannot carry them. */

import { FilesError } from '../../errors.ts'
import type { HttpResponse } from '../../http/http.ts'

/** The metadata in which an object remembers the upload that made it. Not shown to users. */
export const OWN_METADATA = 'pawl-upload'

const NAME = /^[a-z0-9][a-z0-9_.-]*$/

export function metadataHeaders(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).map(([name, value]) => {
      if (!NAME.test(name)) {
        throw new FilesError(
          'NotSupported',
          `the metadata name ${JSON.stringify(name)} must be lower-case letters, digits, _ . -`,
        )
      }
      return [
        `x-amz-meta-${name}`,
        /^[\x21-\x24\x26-\x7e](?:[\x20-\x24\x26-\x7e]*[\x21-\x24\x26-\x7e])?$/.test(value)
          ? value
          : encodeURIComponent(value),
      ]
    }),
  )
}

export function metadataOf(response: HttpResponse): Record<string, string> | undefined {
  const prefix = 'x-amz-meta-'
  const found = response.headers().flatMap(([name, value]): [string, string][] => {
    const key = name.toLowerCase()
    return key.startsWith(prefix) && key !== prefix + OWN_METADATA
      ? [[key.slice(prefix.length), decoded(value)]]
      : []
  })
  return found.length === 0 ? undefined : Object.fromEntries(found)
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}
