/** What a target says of the uploads that it takes, above all in its answer to OPTIONS. Section "Limits". */
import { PARTIAL_UPLOAD } from '@pawl/protocol'
import type { Exchange } from '../exchange.ts'
import { limitOf } from './answers.ts'
import type { ResumableDoor } from './face.ts'
import { dialectFor } from './wish.ts'

/** Adds the limits to the answer that a resource which takes uploads is about to give. */
export function offerResumable(door: ResumableDoor, exchange: Exchange, maxSize?: number): void {
  const limit = limitOf(door, dialectFor(exchange), { maxSize })
  if (limit !== undefined) exchange.res.setHeader('Upload-Limit', limit)
  // Drafts -10 and -11 ask for it.
  if (exchange.method === 'OPTIONS') exchange.res.setHeader('Accept-Patch', PARTIAL_UPLOAD)
}
