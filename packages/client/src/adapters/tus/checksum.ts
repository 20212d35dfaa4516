/** `Upload-Checksum` for one chunk. */
import { encodeBase64 } from '@pawl/protocol'
import type { Payload } from '../../driver.ts'
import { crc32 } from '../../transfer/crc32.ts'
import { inSlices } from '../../transfer/slices.ts'
import type { Checksum } from './checksums.ts'

/** A chunk that is held in memory for it. */
export async function checked(
  algorithm: Checksum,
  payload: Payload,
): Promise<{ headers: Record<string, string>; body: Payload }> {
  const bytes = await payload.bytes({ told: true })
  // Where the CRC-32 of its cells is known, that of the chunk follows.
  const noted = (await payload.sums()).noted()
  const sum = encodeBase64(await digest(algorithm, bytes, noted))
  return { headers: { 'upload-checksum': `${algorithm} ${sum}` }, body: inSlices(payload, bytes) }
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
