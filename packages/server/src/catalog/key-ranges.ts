/** Keys as ranges in bytewise order, which is that of a listing. */

/** Whether an entry of a listing is one, rather than an object whose key ends like that. */
export function isFolder(name: string, folders: boolean): boolean {
  return folders && name.endsWith('/')
}

/** Keys have at most 1,024 bytes, so none is as great as this. */
const GREATEST = '\u{10ffff}'.repeat(257)

/** The least text that is greater than everything that begins with `prefix`; UTF-8 orders like code points. */
export function behind(prefix: string): string {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0)
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === 0x10ffff) continue
    const next = last === 0xd7ff ? 0xe000 : last + 1
    return String.fromCodePoint(...points, next)
  }
  return GREATEST
}

export function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

export function least(a: string, b: string): string {
  return compare(a, b) <= 0 ? a : b
}

export function most(a: string, b: string): string {
  return compare(a, b) >= 0 ? a : b
}
