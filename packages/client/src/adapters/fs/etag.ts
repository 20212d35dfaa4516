/** An entity tag from what a file system knows: it changes whenever the file is replaced or written. */
export function etagOf(file: {
  readonly size: number
  readonly mtimeMs: number
  readonly ino: number
}): string {
  return `"${file.ino.toString(36)}-${file.size.toString(36)}-${Math.round(file.mtimeMs * 1000).toString(36)}"`
}
