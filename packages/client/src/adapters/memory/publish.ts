import type { ProviderResult, UploadIntent } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import type { MemoryStore } from './memory.ts'

/** Makes the bytes an object, if the upload's condition still holds. */
export function publish(
  store: MemoryStore,
  intent: UploadIntent,
  bytes: Uint8Array<ArrayBuffer>,
  session: string,
): ProviderResult {
  const { key, condition, contentType, metadata } = intent
  const there = store.objects.get(key)
  const holds =
    condition === undefined ||
    (condition.type === 'create' ? there === undefined : there?.etag === condition.etag)
  if (!holds) {
    throw new FilesError(
      'Conflict',
      `${JSON.stringify(key)} ${there ? 'exists already' : 'is not there'}`,
      undefined,
      {
        status: 412,
        retryable: false,
      },
    )
  }
  const etag = `"${crypto.randomUUID()}"`
  store.objects.set(key, { bytes, contentType, metadata, etag, lastModified: Date.now(), session })
  store.sessions.delete(session)
  return { etag }
}

/** Whether a session that is not there any more made the object. */
export function published(
  store: MemoryStore,
  intent: UploadIntent,
  session: string,
): ProviderResult | undefined {
  const object = store.objects.get(intent.key)
  return object?.session === session ? { etag: object.etag } : undefined
}

/** The error of a call with a session that is not there. */
export function noSession(): FilesError {
  return new FilesError(
    'SessionGone',
    'the session is not in this memory; its token resumes only in its process',
  )
}
