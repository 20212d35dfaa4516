/** Bytes that are read, noted and handed out at a time. */
export const BLOCK = 1024 * 1024
/** Pieces up to this size may be held whole; larger ones are read in blocks as they go. */
export const WHOLE = 16 * BLOCK
