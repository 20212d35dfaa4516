/** User metadata as headers. */

import { FilesError } from '../../errors.ts'
import type { HttpResponse } from '../../http/http.ts'
import { fromHeaderValue, headerValue } from '../header-value.ts'

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
      return [`x-amz-meta-${name}`, headerValue(value)]
    }),
  )
}

export function metadataOf(response: HttpResponse): Record<string, string> | undefined {
  const prefix = 'x-amz-meta-'
  const found = response.headers().flatMap(([name, value]): [string, string][] => {
    const key = name.toLowerCase()
    return key.startsWith(prefix) && key !== prefix + OWN_METADATA
      ? [[key.slice(prefix.length), fromHeaderValue(value)]]
      : []
  })
  return found.length === 0 ? undefined : Object.fromEntries(found)
}
