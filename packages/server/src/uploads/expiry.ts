/** When an unfinished upload expires: a time to live after its last byte. */
import { type Engine, reach } from './engine.ts'
import { UploadError } from './errors.ts'
import type { UploadRecord } from './upload.ts'

/** Milliseconds since 1970. Its last byte slides that, and the file's own time knows when that was. */
export function expiryOf(upload: UploadRecord, modifiedAt: number, ttl: number): number {
  return Math.max(upload.expiresAt, Math.floor(modifiedAt) + ttl)
}

/** When an upload that did not grow expires. */
export async function standingExpiry({ blobs, limits }: Engine, upload: UploadRecord): Promise<number> {
  const segment = await reach(() => blobs.inspect(upload.segment, upload.stored))
  return expiryOf(upload, segment?.modifiedAt ?? 0, limits.ttl)
}

/**
 * The sweep may not have come by yet; the upload is gone all the same, at the time that was promised.
 * @throws UploadError `gone`
 */
export async function refuseExpired(engine: Engine, upload: UploadRecord): Promise<void> {
  const { now } = engine
  if (upload.expiresAt > now()) return
  if ((await standingExpiry(engine, upload)) <= now()) {
    throw new UploadError('gone', 'the upload expired')
  }
}

/** After a byte: resolves to the new expiry. */
export async function slide(engine: Engine, upload: UploadRecord): Promise<number> {
  const expiresAt = engine.now() + engine.limits.ttl
  // The file's own time of change carries the expiry through a restart; the catalog follows in larger steps.
  if (expiresAt - upload.expiresAt > engine.limits.ttl / 20) {
    await reach(() => engine.catalog.advance(upload.id, { expiresAt }))
  }
  return expiresAt
}
