/** Sizes of the chunks of an upload that grows from the front. */
import type { ChunkRule } from '../driver.ts'
import { canStream } from '../http/http.ts'
import { WHOLE } from '../transfer/block.ts'

/** What a service prescribes, in bytes. */
export interface ChunkLimits {
  readonly min?: number
  readonly max?: number
  readonly multiple?: number
  /** Every chunk but the last has this size. */
  readonly exact?: number
}

const MIB = 1024 * 1024
/** Beyond this a single request gains nothing. */
const ENDLESS = 2 ** 40

/** @param whole Each chunk is held in memory, for its checksum. */
export function chunkRule(
  { exact, min = 1, max = ENDLESS, multiple = 1 }: ChunkLimits,
  whole: boolean,
): ChunkRule {
  if (exact !== undefined) return { min: exact, max: exact, multiple: exact, first: exact }
  const most = whole || !canStream() ? Math.min(max, WHOLE) : max
  // Without streaming nobody sees how far a body has got: begin small, so that a slow line is not taken for a silent one.
  return { min, max: most, multiple, first: canStream() ? 8 * MIB : MIB }
}
