/** In every runtime (WinterTC's minimum), but not in the language's own types. */
declare const btoa: (binary: string) => string

/** Encodes with the standard alphabet and padding (RFC 4648, section 4). Linear time. */
export function encodeBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
}
