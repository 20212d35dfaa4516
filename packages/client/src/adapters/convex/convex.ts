/**
 * Files of a Convex deployment, under keys that a table of yours keeps. Convex gives files ids and no names, and who
 * may do what is decided by your functions: the few that this adapter calls are in docs/adapters/convex.md.
 * https://docs.convex.dev/file-storage
 *
 * Can: a file in one request, whose SHA-256 as Convex computed it is compared; conditions; content types; download by
 * range, head, delete, list; URLs, which do not expire.
 * Cannot: pause or resume, which Convex has no way for, and a request must end within two minutes; metadata, copies.
 */
import { decodeBase64, encodeBase64 } from '@pawl/protocol'
import type { Adapter } from '../../adapter.ts'
import type { Digest } from '../../digest.ts'
import type { Call, Payload, ProviderResult, UploadIntent } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import type { Http } from '../../http/http.ts'
import type { JsonObject } from '../../json.ts'
import { type StoredFileFacts, storedFile } from '../../stored-file.ts'
import { callOf } from '../call.ts'
import { listPage } from '../listing.ts'
import { reader } from '../reading.ts'
import {
  accepted,
  type Fields,
  fieldsIn,
  fieldsOf,
  nobody,
  type Requests,
  requests,
  safeUrl,
  textOf,
} from '../requests.ts'
import { type TokenSource, tokenAuthorization } from '../token.ts'
import { told } from '../told.ts'
import { checkWhole, WHOLE_TRAITS, wholeDriver } from '../whole.ts'

export type { TokenSource } from '../token.ts'

export interface ConvexOptions {
  /** Such as `https://happy-animal-123.convex.cloud`. */
  readonly url: string
  /** The user's identity token; a function is asked again when one was refused. Absent: calls are nobody's. */
  readonly token?: TokenSource
  /** The module of the functions. Default `pawl`, for `convex/pawl.ts`. */
  readonly module?: string
  /** `url` gives URLs that work until the file is deleted, whatever `expiresIn` says. Default false. */
  readonly permanentUrls?: boolean
  readonly http?: Http
}

/** No limit but that of time is documented: this keeps a wrong size from looking right. */
const MOST = 2 ** 40
/** Rows a page. */
const MANY = 500

/** @example new Files({ adapter: convex({ url: 'https://happy-animal-123.convex.cloud', token }) }) */
export function convex(options: ConvexOptions): Adapter<Requests> {
  const { token, module = 'pawl', permanentUrls = false, http } = options
  const base = options.url.replace(/\/+$/, '')
  const wire = requests(token === undefined ? nobody : tokenAuthorization(token), http)

  const run = async (
    what: string,
    kind: 'query' | 'mutation',
    name: string,
    args: JsonObject,
    call: Call,
  ): Promise<unknown> => {
    const body = JSON.stringify({ path: `${module}:${name}`, format: 'json', args })
    const headers = { 'content-type': 'application/json' }
    // 560: the function failed, and the answer says how.
    const response = await wire.expect(
      what,
      { method: 'POST', url: `${base}/api/${kind}`, headers, body },
      call,
      [560],
    )
    const { status, value, errorMessage } = await fieldsIn(what, response)
    if (status === 'success') return value
    throw new FilesError(
      'Provider',
      `${what}: ${module}:${name} failed: ${String(errorMessage)}`,
      undefined,
      {
        retryable: false,
      },
    )
  }
  const find = async (what: string, key: string, call: Call): Promise<Fields> => {
    const row = fieldsOf(await run(what, 'query', 'get', { key }, call))
    if (textOf(row.url) !== undefined) return row
    throw new FilesError('NotFound', `${what}: there is no such file`)
  }
  const read = reader(async (key, headers, signal) => {
    const what = `reading ${JSON.stringify(key)}`
    const url = safeUrl(what, base, (await find(what, key, callOf(signal))).url)
    return accepted(what, await wire.bare({ method: 'GET', url, headers, stream: true }, callOf(signal)))
  })
  const rows = async (prefix: string, call: Call): Promise<Map<string, StoredFileFacts>> => {
    const found = new Map<string, StoredFileFacts>()
    for (let after: string | null = null, more = true; more; ) {
      const page: unknown = await run('listing', 'query', 'list', { prefix, after, limit: MANY }, call)
      const items = Array.isArray(page) ? page.map(fieldsOf) : []
      for (const row of items) found.set(String(row.key), factsOf(String(row.key), row))
      after = textOf(items.at(-1)?.key) ?? null
      more = items.length === MANY
    }
    return found
  }

  return {
    name: 'convex',
    place: `${base}#${module}`,
    raw: wire,
    checkUpload: checkWhole('convex'),
    traits: {
      ...WHOLE_TRAITS,
      rangeRead: true,
      delimiter: true,
      conditions: ['create', 'replace'],
      signedUrls: permanentUrls,
    },
    driver: (intent) => {
      checkKey(intent.key)
      return wholeDriver(intent, {
        most: MOST,
        digest: 'sha-256',
        put: putting(intent),
        refresh: wire.refresh,
      })
    },
    download: (key, range, { signal }) =>
      read.download(key, range, signal, (response) => ({ type: response.header('content-type') })),
    head: async (key, { signal }) =>
      storedFile(
        factsOf(key, await find(`looking at ${JSON.stringify(key)}`, key, callOf(signal))),
        read.lazy(key),
      ),
    delete: async (key, { signal }) => {
      await run(`deleting ${JSON.stringify(key)}`, 'mutation', 'remove', { key }, callOf(signal))
    },
    list: async (query, { signal }) => {
      const found = await rows(query.prefix ?? '', callOf(signal))
      return listPage([...found.keys()], query, (key) => {
        const facts = found.get(key)
        return facts && storedFile(facts, read.lazy(key))
      })
    },
    ...(permanentUrls && {
      url: async (key, { responseContentDisposition }, { signal }) => {
        if (responseContentDisposition !== undefined)
          throw new FilesError('NotSupported', "Convex's URLs know no disposition")
        return String((await find(`linking ${JSON.stringify(key)}`, key, callOf(signal))).url)
      },
    }),
  }

  function putting({ key, contentType, condition }: UploadIntent) {
    const what = `uploading ${JSON.stringify(key)}`
    const only: JsonObject =
      condition === undefined ? {} : { only: condition.type === 'create' ? null : condition.etag }
    /** Where the bytes are, once they are there: if only the row failed, they are not sent again. */
    let stored: string | undefined
    return async (payload: Payload, call: Call): Promise<ProviderResult> => {
      if (stored === undefined) {
        const url = safeUrl(what, base, await run(what, 'mutation', 'uploadUrl', {}, call))
        const body = told(payload, await (await payload.sums()).whole('sha-256'))
        const request = { method: 'POST', url, headers: { 'content-type': contentType }, body }
        const answer = await accepted(what, await wire.bare(request, call))
        stored = textOf((await fieldsIn(what, answer)).storageId)
        if (stored === undefined)
          throw new FilesError('Provider', `${what}: the answer names no file`, undefined, {
            retryable: false,
          })
      }
      const { code, sha256 } = fieldsOf(
        await run(what, 'mutation', 'save', { key, storageId: stored, ...only }, call),
      )
      if (code === 'conflict')
        throw new FilesError('Conflict', `${what}: another file is there`, undefined, { retryable: false })
      const digest = digestOf(sha256)
      return { etag: stored, ...(digest && { digest }) }
    }
  }
}

function factsOf(key: string, { size, contentType, updated, storageId }: Fields): StoredFileFacts {
  return {
    key,
    size: Number(size ?? 0),
    type: textOf(contentType),
    lastModified: typeof updated === 'number' ? updated : undefined,
    etag: textOf(storageId),
  }
}

/** Convex shows it in hex to some and in base64 to others. */
function digestOf(sha256: unknown): Digest | undefined {
  if (typeof sha256 !== 'string') return undefined
  const bytes = /^[\da-f]{64}$/.test(sha256)
    ? Uint8Array.from(sha256.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
    : decodeBase64(sha256)
  return bytes?.length === 32 ? { algorithm: 'sha-256', value: encodeBase64(bytes) } : undefined
}

function checkKey(key: string): void {
  if (key.isWellFormed() && new TextEncoder().encode(key).length <= 1024) return
  throw new FilesError('InvalidKey', `${JSON.stringify(key.slice(0, 100))} is no key: at most 1024 bytes`)
}
