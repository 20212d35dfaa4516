/**
 * Whether the object under a key is the one that an upload made: it says so in its metadata, which nobody else
 * could have known. Pages see it only where the bucket lists the header in its `ExposeHeaders`.
 */
import type { Digest } from '../../digest.ts'
import type { Call, ProviderResult, UploadIntent } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import type { HttpResponse } from '../../http/http.ts'
import { digestIn, type S3Checksum } from './checksum.ts'
import { OWN_METADATA } from './metadata.ts'
import { type S3Wire, s3Error } from './wire.ts'

export function ownObject(wire: S3Wire, key: string, checksum: S3Checksum | undefined) {
  const what = `uploading ${JSON.stringify(key)}`

  async function look(call: Call): Promise<HttpResponse | undefined> {
    const headers = checksum ? { 'x-amz-checksum-mode': 'ENABLED' } : {}
    const response = await wire.send({ method: 'HEAD', key, headers }, call)
    if (response.status === 404) return undefined
    if (response.status >= 300) throw await s3Error(what, response)
    return response
  }

  function ours(object: HttpResponse, mark: string, { size }: UploadIntent): ProviderResult | undefined {
    const marked = object.header(`x-amz-meta-${OWN_METADATA}`) === mark
    if (!marked || Number(object.header('content-length')) !== size) return undefined
    return resultOf(object.header('etag'), digestIn(checksum, object))
  }

  /** The object, if this very upload made it. */
  async function made(mark: string, intent: UploadIntent, call: Call): Promise<ProviderResult | undefined> {
    const object = await look(call)
    return object && ours(object, mark, intent)
  }

  /**
   * Services are known that honour conditions of one request only, and overwrite when parts are put together. So
   * it is looked before, too; to be sure against a writer in the moment between takes a service that honours them.
   */
  async function allowed(mark: string, intent: UploadIntent, call: Call) {
    const { condition } = intent
    if (!condition) return undefined
    const there = await look(call)
    const result = there && ours(there, mark, intent)
    if (result) return result
    const bare = (etag: string | undefined) => etag?.replaceAll('"', '')
    if (condition.type === 'create' ? !there : bare(there?.header('etag')) === bare(condition.etag))
      return undefined
    throw new FilesError('Conflict', `${what}: another object is there`, undefined, { retryable: false })
  }

  return { made, allowed }
}

export function resultOf(etag: string | undefined, digest: Digest | undefined): ProviderResult {
  return { ...(etag ? { etag } : {}), ...(digest ? { digest } : {}) }
}
