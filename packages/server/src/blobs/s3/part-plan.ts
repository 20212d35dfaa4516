/**
 * How large parts are. S3 takes 10,000 of them, each of at least 5 MiB but the last. Small ones come first, so that
 * little is lost with a process; the more numbers are used, the larger the parts become.
 */
const MIB = 1024 * 1024

/** Bytes that every part but the last has at least. */
export const LEAST_PART = 5 * MIB
/** The end of an upload that is too short for a part of its own goes under this number, whoever completes. */
export const LAST_NUMBER = 10_000

/** Numbers up to which parts are of the usual size: 24 GiB of the shortest ones. */
const USUAL_NUMBERS = 5000
/** So many more, and parts are twice as large. */
const STEP_NUMBERS = 500
const USUAL_PART = 8 * MIB
/** Larger ones would need too much memory. */
const LARGEST_PART = 64 * MIB

export interface PartSizes {
  /** Fewer bytes are kept beside the parts until there are more. */
  readonly least: number
  /** With as many, and `least` behind them, a part is sent. */
  readonly target: number
}

/** @param number - of the next part */
export function partSizes(number: number): PartSizes {
  const doublings = number <= USUAL_NUMBERS ? 0 : Math.ceil((number - USUAL_NUMBERS) / STEP_NUMBERS)
  const target = Math.min(LARGEST_PART, USUAL_PART * 2 ** doublings)
  return { least: doublings === 0 ? LEAST_PART : target, target }
}
