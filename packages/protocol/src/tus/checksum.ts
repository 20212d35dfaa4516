import { decodeBase64 } from '../http/base64-decode.ts'
import { MalformedHeader } from '../malformed.ts'

/** The algorithms spoken here, in the names and order of `Tus-Checksum-Algorithm`. */
export const CHECKSUM_ALGORITHMS = ['sha1', 'sha256', 'sha512', 'md5', 'crc32', 'crc32c'] as const

export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number]

/**
 * What the bytes of one request must hash to. `digest` is as long as the algorithm's output; CRCs are four
 * bytes, most significant first.
 */
export type UploadChecksum = { algorithm: ChecksumAlgorithm; digest: Uint8Array }

const HEADER = 'Upload-Checksum'

/** Length of each algorithm's output, in bytes. */
const DIGEST_BYTES: Readonly<Record<ChecksumAlgorithm, number>> = {
  sha1: 20,
  sha256: 32,
  sha512: 64,
  md5: 16,
  crc32: 4,
  crc32c: 4,
}

/**
 * Reads `Upload-Checksum`, as a header or as a trailer: the algorithm's name in lower case, one space, the
 * digest in base64 (tus 1.0, Checksum: Upload-Checksum).
 *
 * @throws {MalformedHeader} for an algorithm not in {@link CHECKSUM_ALGORITHMS}, a digest that is not
 *   padded, canonical base64, or one of another length than the algorithm's
 */
export function parseUploadChecksum(value: string): UploadChecksum {
  const space = value.indexOf(' ')
  const name = space === -1 ? value : value.slice(0, space)
  const algorithm = CHECKSUM_ALGORITHMS.find((known) => known === name)
  if (algorithm === undefined) {
    throw new MalformedHeader(HEADER, `must begin with one of ${CHECKSUM_ALGORITHMS.join(', ')}`, value)
  }
  const digest = space === -1 ? undefined : decodeBase64(value.slice(space + 1))
  if (digest === undefined) {
    throw new MalformedHeader(
      HEADER,
      'must have the digest in padded base64, one space after the algorithm',
      value,
    )
  }
  const bytes = DIGEST_BYTES[algorithm]
  if (digest.length !== bytes) {
    throw new MalformedHeader(
      HEADER,
      `must have ${bytes} bytes for ${algorithm}, not ${digest.length}`,
      value,
    )
  }
  return { algorithm, digest }
}
