// Written out instead of built on `atob`: that one takes blanks, missing padding and stray trailing bits
// for valid, so that two different headers would mean the same bytes.

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** Marks a character outside the alphabet. Its high bit survives the `|` of a whole group. */
const INVALID = 0x80
const toSextet = new Uint8Array(128).fill(INVALID)
for (let sextet = 0; sextet < 64; sextet++) toSextet[ALPHABET.charCodeAt(sextet)] = sextet

/**
 * Decodes the one text that `encodeBase64` gives for some bytes: standard alphabet, padded, no blanks,
 * unused trailing bits zero (RFC 4648, sections 3.3 and 3.5). Linear time.
 *
 * @returns `undefined` for any other text
 */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const bytes = new Uint8Array((text.length / 4) * 3 - padding)
  const last = text.length - 4
  for (let i = 0, out = 0; i <= last; i += 4, out += 3) {
    const absent = i === last ? padding : 0
    const a = sextetAt(text, i)
    const b = sextetAt(text, i + 1)
    const c = absent === 2 ? 0 : sextetAt(text, i + 2)
    const d = absent === 0 ? sextetAt(text, i + 3) : 0
    if ((a | b | c | d) & INVALID) return undefined
    if ((absent === 1 && c & 0b11) || (absent === 2 && b & 0b1111)) return undefined
    // What falls past the end of a typed array is dropped: the missing bytes of a padded group.
    bytes[out] = (a << 2) | (b >> 4)
    bytes[out + 1] = (b << 4) | (c >> 2)
    bytes[out + 2] = (c << 6) | d
  }
  return bytes
}

function sextetAt(text: string, index: number): number {
  return toSextet[text.charCodeAt(index)] ?? INVALID
}
