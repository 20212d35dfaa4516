/** `Upload-Checksum` for one chunk. https://tus.io/protocols/resumable-upload#checksum */
import { encodeBase64 } from '@pawl/protocol'
import type { Payload } from '../../driver.ts'
import { canStream, type HttpRequest } from '../../http/http.ts'
import { crc32 } from '../../transfer/crc32.ts'
import { held } from '../../transfer/held.ts'
import type { Checksum } from './checksums.ts'

type Checked = Pick<HttpRequest, 'headers' | 'body' | 'trailers'>

/**
 * In front of the chunk, which is held for it.
 * @param trailing Behind it, where that is possible here.
 */
export async function checked(
  algorithm: Checksum,
  payload: Payload,
  trailing: boolean | undefined,
): Promise<Checked> {
  if (trailing && canStream()) return trailed(payload)
  const { bytes, noted, body } = await held(payload)
  const sum = encodeBase64(await digest(algorithm, bytes, noted))
  return { headers: { 'upload-checksum': `${algorithm} ${sum}` }, body }
}

/** Its CRC-32 is computed as it leaves. */
async function trailed(payload: Payload): Promise<Checked> {
  const { noted, willBeNoted } = await payload.sums()
  let crc = 0
  const body: Payload = {
    ...payload,
    blocks: async function* (options) {
      for await (const block of payload.blocks(options)) {
        if (!willBeNoted) crc = crc32(block, crc)
        yield block
      }
    },
  }
  const sum = () => encodeBase64(bytesOf(noted() ?? crc))
  return {
    headers: { trailer: 'Upload-Checksum' },
    body,
    trailers: () => ({ 'Upload-Checksum': `crc32 ${sum()}` }),
  }
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
  return bytesOf(noted ?? crc32(await bytes()))
}

function bytesOf(crc: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, crc)
  return bytes
}
