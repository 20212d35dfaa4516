/** `Upload-Checksum` for one chunk. */
import { encodeBase64 } from '@pawl/protocol'
import { crc32 } from '../../transfer/crc32.ts'
import type { Checksum } from './checksums.ts'

/** @param noted The bytes' CRC-32, where it is known already. */
export async function checksumHeader(
  algorithm: Checksum,
  bytes: Uint8Array<ArrayBuffer>,
  noted: number | undefined,
): Promise<string> {
  return `${algorithm} ${encodeBase64(await digest(algorithm, bytes, noted))}`
}

async function digest(
  algorithm: Checksum,
  bytes: Uint8Array<ArrayBuffer>,
  noted: number | undefined,
): Promise<Uint8Array> {
  if (algorithm !== 'crc32') {
    return new Uint8Array(await crypto.subtle.digest(algorithm === 'sha1' ? 'SHA-1' : 'SHA-256', bytes))
  }
  const crc = new Uint8Array(4)
  new DataView(crc.buffer).setUint32(0, noted ?? crc32(bytes))
  return crc
}
