/**
 * A store of Netlify Blobs: https://docs.netlify.com/build/data-and-storage/netlify-blobs/
 *
 * Can: a file in one request, conditions, metadata (less than 1.5 kB; the content type is kept in it), download,
 * head, delete, list.
 * Cannot: pause or resume, which the service has no way for; ranges, copies, URLs; digests, because it reports none.
 * Lists read the whole store.
 */
import type { Adapter } from '../../adapter.ts'
import type { Call, ProviderResult, UploadIntent } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { type StoredFileFacts, storedFile } from '../../stored-file.ts'
import { callOf } from '../call.ts'
import { described } from '../described.ts'
import { segmentsOf } from '../file-key.ts'
import { listPage } from '../listing.ts'
import { reader } from '../reading.ts'
import { accepted, type Fields, fieldsIn, fieldsOf, textOf } from '../requests.ts'
import { checkWhole, WHOLE_TRAITS, wholeDriver } from '../whole.ts'
import type { NetlifyBlobsOptions } from './options.ts'
import { type BlobsWire, blobsWire, metadataIn } from './wire.ts'

export type { TokenSource } from '../token.ts'
export type { NetlifyBlobsOptions } from './options.ts'

const GB = 10 ** 9
const MOST = 5 * GB
/** Metadata in which the adapter keeps what the service has no place for. Not shown to users. */
const [TYPE, MARK] = ['pawl-type', 'pawl-upload']

/** @example new Files({ adapter: netlifyBlobs({ store: 'backups', siteId, token }) }) */
export function netlifyBlobs(options: NetlifyBlobsOptions): Adapter<BlobsWire> {
  const wire = blobsWire(options, options.http)
  const read = reader(async (key, headers, signal) => {
    const what = `reading ${JSON.stringify(key)}`
    const open = () => wire.content(what, 'GET', pathOf(key), { headers, stream: true }, callOf(signal))
    return accepted(what, await renewing(wire, open))
  })
  const listed = async (what: string, prefix: string, call: Call) => {
    const found = new Map<string, StoredFileFacts>()
    for (let cursor: string | undefined; ; ) {
      // Named last because Netlify's own local server reads what follows into the last value.
      const query = new URLSearchParams({
        prefix: plain(prefix),
        ...(cursor === undefined ? {} : { cursor }),
        directories: 'false',
      })
      const response = await wire.ask(what, 'GET', `?${query}`, call, [404])
      if (response.status === 404 || response.status === 204) return found
      const { blobs, next_cursor: next } = await fieldsIn(what, response)
      for (const blob of Array.isArray(blobs) ? blobs : []) {
        const { key, size, etag, last_modified: modified } = fieldsOf(blob)
        const name = decoded(String(key))
        const time = Date.parse(String(modified))
        found.set(name, {
          key: name,
          size: Number(size ?? 0),
          etag: textOf(etag),
          lastModified: Number.isNaN(time) ? undefined : time,
        })
      }
      cursor = textOf(next) || undefined
      if (cursor === undefined) return found
    }
  }

  return {
    name: 'netlify-blobs',
    place: wire.base,
    raw: wire,
    checkUpload: checkWhole('netlify-blobs'),
    traits: { ...WHOLE_TRAITS, delimiter: true, metadata: true, conditions: ['create', 'replace'] },
    driver: (intent) => {
      const path = pathOf(intent.key)
      return wholeDriver(intent, {
        most: MOST,
        put: putting(
          wire,
          path,
          intent,
          async (call) => (await listed('looking', intent.key, call)).get(intent.key)?.etag,
        ),
        refresh: wire.refresh,
      })
    },
    download: (key, range, { signal }) =>
      read.download(key, range, signal, (response) => {
        const { type, metadata } = shown(metadataIn(response))
        return { type, metadata, etag: response.header('etag') }
      }),
    head: async (key, { signal }) => {
      const what = `looking at ${JSON.stringify(key)}`
      const response = await wire.ask(what, 'HEAD', pathOf(key), callOf(signal))
      // Only lists tell the size.
      const facts = (await listed(what, key, callOf(signal))).get(key)
      if (!facts) throw new FilesError('NotFound', `${what}: it is not in the store's list`)
      return storedFile({ ...facts, ...shown(metadataIn(response)) }, read.lazy(key))
    },
    delete: async (key, { signal }) => {
      await wire.ask(`deleting ${JSON.stringify(key)}`, 'DELETE', pathOf(key), callOf(signal), [404])
    },
    list: async (query, { signal }) => {
      const found = await listed('listing', query.prefix ?? '', callOf(signal))
      return listPage([...found.keys()], query, (key) => {
        const facts = found.get(key)
        return facts && storedFile(facts, read.lazy(key))
      })
    },
  }
}

function putting(
  wire: BlobsWire,
  path: string,
  { key, contentType, metadata, condition }: UploadIntent,
  etagNow: (call: Call) => Promise<string | undefined>,
) {
  const what = `uploading ${JSON.stringify(key)}`
  const mark = condition && crypto.randomUUID()
  const guard: Record<string, string> =
    condition === undefined
      ? {}
      : condition.type === 'create'
        ? { 'if-none-match': '*' }
        : { 'if-match': condition.etag }
  const kept = {
    ...metadata,
    ...(contentType === 'application/octet-stream' ? {} : { [TYPE]: contentType }),
    ...(mark && { [MARK]: mark }),
  }
  const headers = { ...guard, 'cache-control': 'max-age=0, stale-while-revalidate=60' }
  return async (
    body: Parameters<Parameters<typeof wholeDriver>[1]['put']>[0],
    call: Call,
  ): Promise<ProviderResult> => {
    const response = await wire.content(what, 'PUT', path, { body, headers, metadata: kept }, call)
    if (response.status === 412 && mark) {
      // After a lost answer it is this very upload that stands in its own way.
      const there = await wire.ask(what, 'HEAD', path, call, [404])
      if (there.status !== 404 && metadataIn(there)[MARK] === mark)
        return resultOf(there.header('etag') ?? (await etagNow(call)))
    }
    const etag = (await accepted(what, response)).header('etag')
    return resultOf(described(what, { etag }, 'etag').etag)
  }
}

function resultOf(etag: string | undefined): ProviderResult {
  return etag ? { etag } : {}
}

/** Reads once more with a new credential, if the first one was refused. */
async function renewing<R extends { readonly status: number }>(
  wire: BlobsWire,
  open: () => Promise<R>,
): Promise<R> {
  const first = await open()
  return first.status === 401 && (await wire.refresh()) ? open() : first
}

/** What users see of metadata, which others may have written as any JSON. */
function shown({ [TYPE]: type, [MARK]: _mark, ...rest }: Fields) {
  const entries = Object.entries(rest).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ])
  return { type: textOf(type), metadata: entries.length === 0 ? undefined : Object.fromEntries(entries) }
}

/**
 * Whether lists give keys as they were sent, percent-encoded, depends on the server: a key that could be read as
 * another one's encoding is refused.
 */
function pathOf(key: string): string {
  const names = segmentsOf(key)
  const bytes = new TextEncoder().encode(key).length
  if (bytes <= 600 && key.isWellFormed() && !/%[\da-f]{2}|\p{Cc}/iu.test(key))
    return `/${names.map(encodeURIComponent).join('/')}`
  throw new FilesError(
    'InvalidKey',
    `${JSON.stringify(key.slice(0, 100))} is no key of Netlify Blobs: at most 600 bytes, no control characters, nothing like %20`,
  )
}

/** As much of a prefix as is the same encoded or not. The rest is compared here. */
function plain(prefix: string): string {
  return /^[\w.~/-]*/.exec(prefix)?.[0] ?? ''
}

function decoded(key: string): string {
  try {
    return decodeURIComponent(key)
  } catch {
    return key
  }
}
