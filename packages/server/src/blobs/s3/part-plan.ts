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
/** S3 copies up to 5 GiB into a part. */
const LARGEST_PART = 4096 * MIB
/** Larger parts are made of pieces. */
const LARGEST_IN_MEMORY = 16 * MIB

export interface PartSizes {
  /** Fewer bytes are kept beside the parts until there are more. */
  readonly least: number
  /** With as many, and `least` behind them, a part is sent. */
  readonly target: number
}

/** The sizes of a part, by its number. */
export type PartPlan = (number: number) => PartSizes

export const partSizes: PartPlan = (number) => {
  const doublings = number <= USUAL_NUMBERS ? 0 : Math.ceil((number - USUAL_NUMBERS) / STEP_NUMBERS)
  const target = Math.min(LARGEST_PART, USUAL_PART * 2 ** doublings)
  return { least: doublings === 0 ? LEAST_PART : target, target }
}

export function fitsInMemory({ target }: PartSizes): boolean {
  return target <= LARGEST_IN_MEMORY
}

/** Of what is gathered in memory for a part of any size. */
export function pieceSizes(sizes: PartSizes): PartSizes {
  return fitsInMemory(sizes) ? sizes : { least: LEAST_PART, target: LARGEST_IN_MEMORY }
}
