/**
 * Structured fields (RFC 9651, section 4.2): items and dictionaries, parsed strictly. Types that no field here has a
 * use for are read too, since a parameter or an unknown member may have them.
 *
 * Every parser returns undefined for what is not valid: such a field is to be ignored as a whole.
 */
import { type BareItem, fieldReader, type Member } from './structured-reader.ts'

export type { BareItem, Member }

/** Parses an Item; its parameters mean nothing to any field here. */
export function parseItem(value: string): BareItem | undefined {
  return attempt(value, (reader) => reader.item())
}

/** Parses a Dictionary. Where a name comes twice the last one counts. */
export function parseDictionary(value: string): ReadonlyMap<string, Member> | undefined {
  return attempt(value, (reader) => reader.dictionary())
}

function attempt<T>(value: string, read: (reader: ReturnType<typeof fieldReader>) => T): T | undefined {
  const reader = fieldReader(value)
  try {
    reader.skipSpaces()
    const parsed = read(reader)
    reader.skipSpaces()
    return reader.atEnd() ? parsed : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** The largest Integer and the smallest are 15 digits long (RFC 9651, section 3.3.1). */
export const MAX_INTEGER = 999_999_999_999_999
