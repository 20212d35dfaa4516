/** A piece whose checksum goes before it: it is looked at as a whole, and then sent. */
import type { Payload } from '../driver.ts'
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
  const piece = await blobPieces.get(payload)?.()
  const bytes = piece ? undefined : await payload.bytes({ told })
  const noted = (await payload.sums()).noted()
  if (bytes) return { bytes: async () => bytes, noted, body: inSlices(payload, bytes) }
  const body = { ...payload }
  blobPieces.set(body, async () => piece as Blob)
  return { bytes: async () => new Uint8Array(await (piece as Blob).arrayBuffer()), noted, body }
}
