/** Sizes of the chunks of a tus upload. */
import type { ChunkRule } from '../../driver.ts'
import { canStream } from '../../http/http.ts'
import { WHOLE } from '../../transfer/payload.ts'
import type { TusOptions } from './options.ts'

const MIB = 1024 * 1024
/** Beyond this a single request gains nothing. */
const ENDLESS = 2 ** 40

/** @param whole Each chunk is held in memory, for its checksum. */
export function chunkRule(
  { exact, min = 1, max = ENDLESS, multiple = 1 }: NonNullable<TusOptions['chunk']>,
  whole: boolean,
): ChunkRule {
  if (exact !== undefined) return { min: exact, max: exact, multiple: exact, first: exact }
  const most = whole || !canStream() ? Math.min(max, WHOLE) : max
  // Without streaming nobody sees how far a body has got: begin small, so that a slow line is not taken for a silent one.
  return { min, max: most, multiple, first: canStream() ? 8 * MIB : MIB }
}
