/** Files that the server fetches from elsewhere. */
import { z } from 'zod'
import type { Principal } from '../../access/principal.ts'
import { ForbiddenAddress } from '../../media/import/addresses.ts'
import { parsedUrl } from '../../media/import/fetch-source.ts'
import type { MediaFile, MediaType } from '../../media/media-file.ts'
import { invalid, mediaProblem } from './errors.ts'
import { describe, type MediaFace } from './face.ts'
import { route } from './json-route.ts'
import { FileDescriptor, OneFile } from './schemas.ts'
import { MediaTypeName, MimeType, nameFrom, TermFields, termsFrom } from './terms.ts'

const Param = z.union([z.string().max(4000), z.number(), z.boolean()])

const ImportWish = z.object({
  ...TermFields,
  url: z.string().min(2).max(8000),
  mediaType: MediaTypeName.nullish(),
  mimeType: MimeType.nullish().or(z.literal('')),
  displayName: z.string().max(1000).nullish(),
  urlParams: z.record(z.string().max(1000), Param).nullish(),
  urlHeaders: z.record(z.string(), z.string().max(8000)).nullish(),
})
type ImportWish = z.infer<typeof ImportWish>

/** What a kind of file says of its type, where no type is given. */
const KINDS: Readonly<Partial<Record<MediaType, string>>> = {
  IMAGE: 'image/*',
  VIDEO: 'video/*',
  AUDIO: 'audio/*',
  VECTOR: 'image/svg+xml',
}
const UNTOLD = 'application/octet-stream'

/** Belong to the connection, or to how the server asks. */
const OWN =
  /^(host|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-length|expect|range|if-.*|accept-encoding)$/i

export const IMPORT_ROUTES = [
  route({
    method: 'POST',
    url: '/files/import',
    summary: 'Fetch a file from a URL',
    body: ImportWish,
    reply: OneFile,
    async run({ face, body, caller, req }) {
      return { file: describe(face, req, await importOne(face, body, caller)) }
    },
  }),

  route({
    method: 'POST',
    url: '/bulk/files/import-v2',
    summary: 'Fetch files from URLs',
    body: z.object({
      importFileRequests: z.array(z.unknown()).min(1).max(100),
      returnEntity: z.boolean().nullish(),
    }),
    reply: z.object({
      results: z.array(
        z.object({
          itemMetadata: z.object({
            id: z.string().optional(),
            originalIndex: z.number(),
            success: z.boolean(),
            error: z.unknown().optional(),
          }),
          item: FileDescriptor.optional(),
        }),
      ),
      bulkActionMetadata: z.object({
        totalSuccesses: z.number(),
        totalFailures: z.number(),
        undetailedFailures: z.number(),
      }),
    }),
    async run({ face, body, caller, req }) {
      const results: { itemMetadata: { success: boolean }; item?: unknown }[] = []
      for (const [originalIndex, wish] of body.importFileRequests.entries()) {
        try {
          const parsed = ImportWish.safeParse(wish)
          if (!parsed.success) throw invalid(`importFileRequests.${originalIndex}`, parsed.error.message)
          const file = await importOne(face, parsed.data, caller)
          const item = body.returnEntity === false ? {} : { item: describe(face, req, file) }
          results.push({ itemMetadata: { success: true, ...{ id: file.id, originalIndex } }, ...item })
        } catch (cause) {
          const problem = mediaProblem(cause)
          // One that is ours is not one of this item.
          if (problem === undefined || problem.status >= 500) throw cause
          const { details } = problem.body as { details: { applicationError: unknown } }
          const error = details.applicationError
          results.push({ itemMetadata: { success: false, ...{ originalIndex, error } } })
        }
      }
      const totalSuccesses = results.filter(({ itemMetadata }) => itemMetadata.success).length
      const totalFailures = results.length - totalSuccesses
      return { results, bulkActionMetadata: { totalSuccesses, totalFailures, undetailedFailures: 0 } }
    },
  }),
]

async function importOne(face: MediaFace, body: ImportWish, owner: Principal): Promise<MediaFile> {
  const url = urlFrom(body)
  const declared = body.mimeType || KINDS[body.mediaType ?? 'UNKNOWN'] || UNTOLD
  return face.media.importFrom({
    ...(await termsFrom(face, declared, body)),
    owner,
    url: url.href,
    headers: headersFrom(body.urlHeaders ?? {}),
    name: body.displayName ? nameFrom(body.displayName, 'displayName') : lastPart(url),
  })
}

function urlFrom({ url: text, urlParams }: ImportWish): URL {
  try {
    const url = parsedUrl(text)
    for (const [name, value] of Object.entries(urlParams ?? {})) url.searchParams.append(name, String(value))
    url.hash = ''
    return url
  } catch (error) {
    if (error instanceof ForbiddenAddress) throw invalid('url', error.message)
    throw error
  }
}

function headersFrom(given: Readonly<Record<string, string>>): Record<string, string> {
  for (const [name, value] of Object.entries(given)) {
    if (!/^[\w!#$%&'*+.^`|~-]{1,100}$/.test(name) || !/^[\t -~]*$/.test(value)) {
      throw invalid('urlHeaders', 'is no list of headers')
    }
    if (OWN.test(name)) throw invalid('urlHeaders', `${name} is not for the caller to set`)
  }
  return { ...given }
}

/** The name of a file that nobody named. */
function lastPart({ pathname, hostname }: URL): string {
  const last = pathname.slice(pathname.lastIndexOf('/') + 1)
  try {
    return nameFrom(decodeURIComponent(last) || hostname, 'url')
  } catch {
    return hostname
  }
}
