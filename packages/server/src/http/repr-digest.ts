/** `Repr-Digest` of an object: every digest of it that is known (RFC 9530, section 3). */
import type { OutgoingHttpHeaders } from 'node:http'
import { type DigestAlgorithm, formatReprDigest } from '@pawl/protocol'
import type { Digests } from '../blobs/digests.ts'

/** No header at all while none is known. */
export function reprDigest(digests: Digests): OutgoingHttpHeaders {
  const members = Object.entries(digests).map(([name, hex]) =>
    formatReprDigest(name as DigestAlgorithm, Buffer.from(hex, 'hex')),
  )
  return members.length === 0 ? {} : { 'Repr-Digest': members.join(', ') }
}
