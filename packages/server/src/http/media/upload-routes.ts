/** Upload URLs, for whoever has no key. */
import { z } from 'zod'
import { against } from './errors.ts'
import { baseOf } from './face.ts'
import { type MediaCall, route } from './json-route.ts'
import { PLAIN_PATH } from './media.ts'
import { UPLOADS_PATH } from './resumable.ts'
import { MimeType, nameFrom, sizeFrom, TermFields, termsFrom } from './terms.ts'

const Wish = z.object({
  ...TermFields,
  mimeType: MimeType,
  fileName: z.string().max(1000).nullish(),
  sizeInBytes: z.string().nullish(),
})

export const UPLOAD_ROUTES = [
  route({
    method: 'POST',
    url: '/files/generate-resumable-upload-url',
    summary: 'A URL and a token that upload one file with tus, to be finalized with a PUT',
    body: Wish.extend({ uploadProtocol: z.string().nullish() }),
    reply: z.object({ uploadProtocol: z.literal('TUS'), uploadUrl: z.string(), uploadToken: z.string() }),
    async run(call) {
      const { uploadProtocol } = call.body
      if (uploadProtocol !== undefined && uploadProtocol !== null && uploadProtocol !== 'TUS') {
        throw against('UNSUPPORTED_FILE_FORMAT', 'uploadProtocol', 'the only protocol here is TUS')
      }
      const token = await grant(call, 'resumable')
      const uploadUrl = `${baseOf(call.face, call.req)}${UPLOADS_PATH}`
      return { uploadProtocol: 'TUS', uploadUrl, uploadToken: token }
    },
  }),

  route({
    method: 'POST',
    url: '/files/generate-upload-url',
    summary: 'A URL that uploads one file with one PUT',
    body: Wish,
    reply: z.object({ uploadUrl: z.string() }),
    async run(call) {
      const token = await grant(call, 'plain')
      return { uploadUrl: `${baseOf(call.face, call.req)}${PLAIN_PATH}/${token}` }
    },
  }),
]

async function grant(
  { face, body, caller }: Pick<MediaCall<z.infer<typeof Wish>, undefined>, 'face' | 'body' | 'caller'>,
  kind: 'resumable' | 'plain',
): Promise<string> {
  const { token } = await face.media.grant({
    ...(await termsFrom(face, body.mimeType, body)),
    kind,
    owner: caller,
    name: body.fileName ? nameFrom(body.fileName, 'fileName') : undefined,
    size: sizeFrom(face, body.sizeInBytes),
  })
  return token
}
