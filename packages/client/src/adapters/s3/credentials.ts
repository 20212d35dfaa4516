import { FilesError } from '../../errors.ts'
import type { S3Credentials } from './options.ts'

/** The credentials in the environment variables of the AWS tools. @throws FilesError `Unauthorized` */
export function environmentCredentials(): S3Credentials {
  const env = globalThis.process?.env ?? {}
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = env
  if (accessKeyId && secretAccessKey) {
    return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) }
  }
  throw new FilesError(
    'Unauthorized',
    'no S3 credentials: pass `credentials` or `sign`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for profiles and roles, pass a provider of @aws-sdk/credential-providers',
    undefined,
    { retryable: false },
  )
}
