/** `Upload-Checksum` for one chunk. */
import { encodeBase64 } from '@pawl/protocol'
import type { Payload } from '../../driver.ts'
import { crc32 } from '../../transfer/crc32.ts'
import { held } from '../../transfer/held.ts'
import type { Checksum } from './checksums.ts'

export async function checked(
  algorithm: Checksum,
  payload: Payload,
): Promise<{ headers: Record<string, string>; body: Payload }> {
  const { bytes, noted, body } = await held(payload)
  const sum = encodeBase64(await digest(algorithm, bytes, noted))
  return { headers: { 'upload-checksum': `${algorithm} ${sum}` }, body }
}

async function digest(
  algorithm: Checksum,
  bytes: () => Promise<Uint8Array<ArrayBuffer>>,
  noted: number | undefined,
): Promise<Uint8Array> {
  if (algorithm !== 'crc32') {
    return new Uint8Array(
      await crypto.subtle.digest(algorithm === 'sha1' ? 'SHA-1' : 'SHA-256', await bytes()),
    )
  }
  const crc = new Uint8Array(4)
  new DataView(crc.buffer).setUint32(0, noted ?? crc32(await bytes()))
  return crc
}
