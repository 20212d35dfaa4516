/** Bytes that are read, noted and handed out at a time. */
export const BLOCK = 1024 * 1024
