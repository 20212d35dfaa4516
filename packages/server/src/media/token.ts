/** Tokens that let whoever has them upload one file. The catalog keeps a fingerprint of each, never the token. */
import { createHash, randomBytes } from 'node:crypto'

/** 256 random bits in 43 characters of base64url: they can stand in a path. */
export function newToken(): string {
  return randomBytes(32).toString('base64url')
}

export function isToken(text: string): boolean {
  return /^[\w-]{43}$/.test(text)
}

export function tokenFingerprint(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}
