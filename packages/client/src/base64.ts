/** Base64 of bytes, in any runtime. */
export function toBase64(bytes: Uint8Array): string {
  let binary = ''
  // In slices: `fromCharCode` takes its input as arguments, and those are limited.
  for (let i = 0; i < bytes.length; i += 8192) binary += String.fromCharCode(...bytes.subarray(i, i + 8192))
  return btoa(binary)
}

/** Bytes of a base64 string. Throws `TypeError` if it is none. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  let binary: string
  try {
    binary = atob(text)
  } catch (cause) {
    throw new TypeError('not base64', { cause })
  }
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}
