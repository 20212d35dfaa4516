/** `Upload-Checksum`: what the bytes of one request must hash to, before them or behind them. */
import { type ChecksumAlgorithm, MalformedHeader, parseUploadChecksum } from '@pawl/protocol'
import type { DigestAlgorithm } from '../../blobs/digests.ts'
import type { Checksum } from '../../uploads/take-body.ts'
import type { Exchange } from '../exchange.ts'

const HEADER = 'Upload-Checksum'

/** The names of RFC 9530 for those of tus. */
const NAMES: Readonly<Record<ChecksumAlgorithm, DigestAlgorithm>> = {
  sha1: 'sha',
  sha256: 'sha-256',
  sha512: 'sha-512',
  md5: 'md5',
  crc32: 'crc32',
  crc32c: 'crc32c',
}

/**
 * Undefined when the request names no checksum. A trailer is announced by `Trailer: Upload-Checksum`; the
 * function that is returned then reads it, after the body.
 * @throws MalformedHeader
 */
export function checksumOf(exchange: Exchange): (() => Checksum) | undefined {
  const header = exchange.header(HEADER)
  if (header !== undefined) {
    const checksum = read(header)
    return () => checksum
  }
  const announced = exchange.header('trailer')?.toLowerCase().split(/ *, */) ?? []
  if (!announced.includes(HEADER.toLowerCase())) return undefined
  return () => {
    const trailer = exchange.req.trailersDistinct[HEADER.toLowerCase()]?.join(', ')
    if (trailer === undefined)
      throw new MalformedHeader(HEADER, 'was announced as a trailer and did not come')
    return read(trailer)
  }
}

function read(value: string): Checksum {
  const { algorithm, digest } = parseUploadChecksum(value)
  return { algorithm: NAMES[algorithm], digest: Buffer.from(digest).toString('hex') }
}
