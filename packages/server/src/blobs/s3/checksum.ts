/** The checksum that goes with bytes on their way to S3: servers that know it compare it with what arrived. */
import { crc32 } from '@node-rs/crc32'
import { StoreError } from '../blob-store.ts'

/** Base64, as S3 writes it. Costs a tenth of what hashing does. */
export function crc32Of(bytes: Uint8Array): string {
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(bytes))
  return sum.toString('base64')
}

/** @param stored - what the server says of it, where it knows checksums. @throws StoreError when it is another */
export function refuseDamage(what: string, sent: string, stored: string | undefined): void {
  if (stored === undefined || stored === sent) return
  throw new StoreError('unavailable', `${what} did not arrive as it was sent: CRC-32 ${stored}, not ${sent}`)
}
