/**
 * A form that uploads one object within a size, for senders without credentials. A signed PUT cannot do that: S3
 * compares no length with a range there.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-UsingHTTPPOST.html
 */
import type { SignedUpload, SignUploadQuery } from '../../adapter.ts'
import { FilesError } from '../../errors.ts'
import type { S3Wire } from './wire.ts'

/** What one request uploads at most, in bytes. */
const MOST = 5 * 1024 ** 3

export async function signedForm(
  { bucket, form, urlOf }: S3Wire,
  key: string,
  { expiresIn, contentType, minSize = 0, maxSize = MOST }: SignUploadQuery,
): Promise<SignedUpload> {
  if (!form)
    throw new FilesError(
      'NotSupported',
      'this service takes no signed forms, and nothing else holds a sender to a size; sign in a backend that checks',
    )
  const sizes = [minSize, maxSize]
  if (!sizes.every((size) => Number.isSafeInteger(size) && size >= 0) || minSize > maxSize)
    throw new FilesError('NotSupported', `${minSize}–${maxSize} bytes are no range of sizes`)
  // S3 puts the sender's file name in its place: the sender would choose the key.
  if (/\$\{filename\}/.test(key))
    throw new FilesError('InvalidKey', `${JSON.stringify(key)} has a part that a form's sender would choose`)
  const shown: Record<string, string> = {
    key,
    ...(contentType === undefined ? {} : { 'Content-Type': contentType }),
  }
  const signed = await form((fields, now) =>
    JSON.stringify({
      expiration: new Date(now.getTime() + expiresIn * 1000).toISOString(),
      conditions: [
        { bucket },
        ...Object.entries({ ...shown, ...fields }).map(([name, value]) => ({ [name]: value })),
        ['content-length-range', minSize, maxSize],
      ],
    }),
  )
  return { method: 'POST', url: urlOf({ method: 'POST' }), fields: { ...shown, ...signed } }
}
