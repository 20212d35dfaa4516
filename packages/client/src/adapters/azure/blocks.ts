/**
 * Names of blocks. Two uploads to one blob share one list of uncommitted blocks, so each session has a random
 * prefix; and all names of a blob must be of one length.
 */
import { decodeBase64, encodeBase64 } from '@pawl/protocol'

const PREFIX = /^[0-9a-f]{16}$/
const DIGITS = 5

export function newPrefix(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')
}

export function isPrefix(text: string): boolean {
  return PREFIX.test(text)
}

/** @param number From 1, at most 50,000. */
export function blockName(prefix: string, number: number): string {
  return encodeBase64(new TextEncoder().encode(`${prefix}-${String(number).padStart(DIGITS, '0')}`))
}

/** The number of a block of this session; undefined for a block of another. */
export function blockNumber(prefix: string, name: string): number | undefined {
  const bytes = decodeBase64(name)
  const text = bytes ? new TextDecoder().decode(bytes) : ''
  const digits = text.startsWith(`${prefix}-`) ? text.slice(prefix.length + 1) : ''
  return new RegExp(`^\\d{${DIGITS}}$`).test(digits) ? Number(digits) : undefined
}
