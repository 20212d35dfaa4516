/** The sha-256 that the server computed of what it holds. */
import type { UploadResult } from 'pawl'
import { authorization } from './destination.ts'

/** A large file's digest can come a while after its last byte. */
const PAUSES = [200, 1000, 3000, 10_000, 30_000]

/** In hex; undefined if the server does not say. */
export async function serverDigest({ digest, url }: UploadResult): Promise<string | undefined> {
  if (digest?.algorithm === 'sha-256') return hexOf(digest.value)
  for (const pause of PAUSES) {
    const told = url === undefined ? undefined : await ask(url).catch(() => undefined)
    if (told !== undefined) return told
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
  return undefined
}

async function ask(url: string): Promise<string | undefined> {
  const response = await fetch(url, { method: 'HEAD', headers: authorization() })
  const value = /(?:^|,)\s*sha-256=:([^:]+):/.exec(response.headers.get('repr-digest') ?? '')?.[1]
  return value && hexOf(value)
}

function hexOf(base64: string): string {
  return Array.from(atob(base64), (char) => char.charCodeAt(0).toString(16).padStart(2, '0')).join('')
}
