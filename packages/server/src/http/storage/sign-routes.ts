/** Signed URLs: for reading one object, or for uploading to one path. */
import { z } from 'zod'
import { UPLOAD_SECONDS } from '../../access/signed-urls.ts'
import { bucketFor, judgePlace, objectFor } from './face.ts'
import { route } from './json-route.ts'
import { checkKey } from './names.ts'
import { Signed } from './schemas.ts'

/** Ten years: longer is not a signed URL but a public one. */
const MAX_SECONDS = 10 * 365 * 24 * 60 * 60

const expiresIn = z.number().int().min(1).max(MAX_SECONDS)
const noTransform = z.undefined('images are not transformed here').optional()

export const SIGN_ROUTES = [
  route({
    method: 'POST',
    url: '/object/sign/:bucket/*',
    summary: 'A URL that reads one object',
    body: z.object({ expiresIn, transform: noTransform }),
    reply: Signed,
    async run({ face, body, caller, place }) {
      const at = place()
      await objectFor(face, await caller(), at)
      return { signedURL: urlOf('sign', at, await face.signed.signDownload(at, body.expiresIn)) }
    },
  }),

  route({
    method: 'POST',
    url: '/object/sign/:bucket',
    summary: 'URLs that read one object each',
    body: z.object({ expiresIn, paths: z.array(z.string()).min(1).max(1000) }),
    reply: z.array(
      z.object({ path: z.string(), signedURL: z.string().nullable(), error: z.string().nullable() }),
    ),
    async run({ face, params, body, caller }) {
      const who = await caller()
      const { id: bucket } = await bucketFor(face, who, params.bucket ?? '')
      return Promise.all(
        body.paths.map(async (path) => {
          try {
            const at = { bucket, key: checkKey(path) }
            await objectFor(face, who, at)
            const signedURL = urlOf('sign', at, await face.signed.signDownload(at, body.expiresIn))
            return { path, signedURL, error: null }
          } catch {
            return {
              path,
              signedURL: null,
              error: 'Either the object does not exist or you do not have access to it',
            }
          }
        }),
      )
    },
  }),

  route({
    method: 'POST',
    url: '/object/upload/sign/:bucket/*',
    summary: `A URL and a token that upload to one path, to be used within ${UPLOAD_SECONDS / 3600} hours`,
    reply: z.object({ url: z.string(), token: z.string() }),
    async run({ face, caller, place, header }) {
      const owner = await caller()
      const at = place()
      const bucket = await bucketFor(face, owner, at.bucket)
      const upsert = header('x-upsert') === 'true'
      const nothing = { size: undefined, type: undefined, metadata: undefined }
      await judgePlace(face, owner, { ...at, ...nothing, public: bucket.public }, upsert)
      const token = await face.signed.signUpload({ ...at, owner, upsert })
      return { url: urlOf('upload/sign', at, token), token }
    },
  }),
]

/** Not encoded: the clients of this face do that with what they get. */
function urlOf(what: string, { bucket, key }: { bucket: string; key: string }, token: string): string {
  return `/object/${what}/${bucket}/${key}?token=${token}`
}
