/** A piece whose checksum goes before it: it is looked at as a whole, and then sent. */
import type { Payload } from '../driver.ts'
import { readBlob } from './exact.ts'
import { blobPieces } from './payload.ts'
import { inSlices } from './slices.ts'

export interface Held {
  readonly bytes: () => Promise<Uint8Array<ArrayBuffer>>
  /** CRC-32, where it follows from what was noted: it costs nothing. */
  readonly noted: number | undefined
  /** What is sent. */
  readonly body: Payload
}

/** @param told Whether the bytes count as they leave, not at once. */
export async function held(payload: Payload, { told } = { told: true }): Promise<Held> {
  const blob = await blobPieces.get(payload)?.()
  if (!blob) {
    const bytes = await payload.bytes({ told })
    const noted = (await payload.sums()).noted()
    return { bytes: async () => bytes, noted, body: inSlices(payload, bytes) }
  }
  const noted = (await payload.sums()).noted()
  const read = () => readBlob(blob, 0, payload.size)
  // For whoever puts more around it. It was paced and noted already.
  const body: Payload = {
    ...payload,
    bytes: async (options) => inSlices(payload, await read()).bytes(options),
    blocks: async function* () {
      yield* inSlices(payload, await read()).blocks()
    },
  }
  blobPieces.set(body, async () => blob)
  return { bytes: read, noted, body }
}
