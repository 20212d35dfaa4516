/**
 * Checksums of parts and whole objects.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
 */
import { encodeBase64 } from '@pawl/protocol'
import type { Digest } from '../../digest.ts'
import type { Call, Payload } from '../../driver.ts'
import type { HttpResponse } from '../../http/http.ts'
import { WHOLE } from '../../transfer/block.ts'
import { crc32 } from '../../transfer/crc32.ts'
import { held } from '../../transfer/held.ts'
import { text } from './xml.ts'

/** Those that S3 takes over a whole object made of parts. */
export type S3Checksum = 'crc32' | 'crc64nvme'

/** The header of a part's or an object's checksum; without its prefix also the name of the algorithm. */
function checksumHeader(algorithm: S3Checksum): string {
  return `x-amz-checksum-${algorithm}`
}

/** What an upload is created with, so that its parts are checked and the whole object's checksum is kept. */
export function checkedUpload(algorithm: S3Checksum | undefined): Record<string, string> {
  if (algorithm === undefined) return {}
  return { 'x-amz-checksum-algorithm': algorithm.toUpperCase(), 'x-amz-checksum-type': 'FULL_OBJECT' }
}

/** What an upload is completed with: the store compares it with what it holds. */
export function demanded(digest: Digest | undefined): Record<string, string> {
  if (digest?.algorithm !== 'crc32' && digest?.algorithm !== 'crc64nvme') return {}
  return { [checksumHeader(digest.algorithm)]: digest.value, 'x-amz-checksum-type': 'FULL_OBJECT' }
}

/** The whole object's checksum in an answer, in its headers or its XML. */
export function digestIn(
  algorithm: S3Checksum | undefined,
  response: HttpResponse,
  xml = '',
): Digest | undefined {
  if (algorithm === undefined) return undefined
  const value = response.header(checksumHeader(algorithm)) ?? text(xml, `Checksum${algorithm.toUpperCase()}`)
  // With a count behind it, it is one over the parts' checksums.
  return value === undefined || value.includes('-') ? undefined : { algorithm, value }
}

/** A piece with its checksum in the headers. Large pieces are read twice: the header comes before the body. */
export async function checked(payload: Payload, algorithm: S3Checksum | undefined, call: Call) {
  if (algorithm === undefined) return { body: payload, headers: {} }
  const sum = algorithm === 'crc32' ? crc32Of : await crc64nvmeOf()
  if (payload.size <= WHOLE) {
    const { bytes, noted, body } = await held(payload)
    const known = algorithm === 'crc32' ? noted : undefined
    const value = known === undefined ? await sum(payload, [await bytes()]) : encodeCrc32(known)
    return { body, headers: { [checksumHeader(algorithm)]: value } }
  }
  const value = await sum(payload, touching((await payload.sums()).read(), call))
  return { body: payload, headers: { [checksumHeader(algorithm)]: value } }
}

type Blocks = AsyncIterable<Uint8Array<ArrayBuffer>> | Iterable<Uint8Array<ArrayBuffer>>

async function crc32Of(_payload: Payload, blocks: Blocks): Promise<string> {
  let crc = 0
  for await (const block of blocks) crc = crc32(block, crc)
  return encodeCrc32(crc)
}

function encodeCrc32(crc: number): string {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, crc)
  return encodeBase64(bytes)
}

/** Loaded when it is asked for; what it finds is told to whoever adds up the body's. */
async function crc64nvmeOf(): Promise<typeof crc32Of> {
  const [{ crc64nvme }, { encodeCrc64nvme }] = await Promise.all([
    import('../../transfer/crc64nvme.ts'),
    import('../../transfer/stretches.ts'),
  ])
  return async (payload, blocks) => {
    let crc = 0n
    for await (const block of blocks) crc = crc64nvme(block, crc)
    const sums = await payload.sums()
    await sums.note(crc)
    return encodeCrc64nvme(crc)
  }
}

async function* touching<T>(blocks: AsyncIterable<T>, call: Call): AsyncGenerator<T> {
  for await (const block of blocks) {
    call.signal.throwIfAborted()
    call.touch()
    yield block
  }
}
