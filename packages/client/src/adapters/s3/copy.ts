/**
 * Copying inside a bucket. One request copies at most 5 GiB; larger objects are copied in parts, side by side.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/CopyingObjectsMPUapi.html
 *
 * In parts the type, the caching and presentation headers and the metadata go along; tags and access lists do not,
 * because the parts have none. The upload is aborted when the copy fails.
 */
import type { Call, PartReceipt } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import type { HttpResponse } from '../../http/http.ts'
import { partsOf, planPartSize } from '../../transfer/plan.ts'
import { Patience, retryPolicy } from '../../transfer/retry.ts'
import { together } from '../../transfer/transfer.ts'
import { digestIn, type S3Checksum } from './checksum.ts'
import { createUpload, PART_RULE, type S3Session, s3Driver } from './driver.ts'
import { OWN_METADATA } from './metadata.ts'
import { uriEncode } from './sigv4.ts'
import { type S3Wire, s3Error } from './wire.ts'
import { text } from './xml.ts'

const MIB = 1024 * 1024

export interface CopyLimits {
  /** Largest object that one request copies. */
  readonly single: number
  readonly partSize: number
  /** Parts side by side. */
  readonly concurrency: number
  /** How often a part is tried again. */
  readonly retries: number
}

const LIMITS: CopyLimits = { single: 5 * 1024 * MIB, partSize: 256 * MIB, concurrency: 8, retries: 8 }
/** How long what is not cut may take, in milliseconds: creating an upload, and giving it up. */
const UNHURRIED = 30_000

/** Headers that say how an object is shown and cached. One request copies them by itself. */
const KEPT = [
  'content-type',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
]

export async function copyObject(
  wire: S3Wire,
  from: string,
  to: string,
  checksum: S3Checksum | undefined,
  signal: AbortSignal,
  limits: CopyLimits = LIMITS,
): Promise<void> {
  const what = `copying ${JSON.stringify(from)}`
  const call: Call = { signal, touch: () => {} }
  const mode = checksum ? { 'x-amz-checksum-mode': 'ENABLED' } : {}
  const look = () => wire.expect(what, { method: 'HEAD', key: from, headers: mode }, call)
  const source = await look()
  const headers = { 'x-amz-copy-source': sourceOf(wire, from) }
  if (Number(source.header('content-length')) > limits.single) {
    await inParts({ wire, what, to, source, look, headers, checksum, limits }, signal)
  } else {
    await taken(what, await wire.send({ method: 'PUT', key: to, headers }, call))
  }
}

interface PartsCopy {
  readonly wire: S3Wire
  readonly what: string
  readonly to: string
  readonly source: HttpResponse
  /** Looks at the source again. */
  readonly look: () => Promise<HttpResponse>
  readonly headers: Readonly<Record<string, string>>
  readonly checksum: S3Checksum | undefined
  readonly limits: CopyLimits
}

async function inParts(copy: PartsCopy, signal: AbortSignal): Promise<void> {
  const { wire, to, source, look, headers, checksum, limits, what } = copy
  const size = Number(source.header('content-length'))
  const plan = partsOf(size, planPartSize(size, PART_RULE, limits.partSize))
  const driver = s3Driver(wire, to, checksum)
  const intent = {
    key: to,
    size,
    contentType: '',
    cacheControl: undefined,
    metadata: {},
    condition: undefined,
  }
  // Not cut when the copy is stopped: an upload whose answer was not awaited could not be aborted.
  const session = await createUpload(wire, to, shownAs(source), checksum, unhurried())
  const receipts: PartReceipt[] = []
  const queue = plan.values()
  const worker = async (stop: AbortSignal) => {
    for (const { number, start, size } of queue) {
      const range = { 'x-amz-copy-source-range': `bytes=${start}-${start + size - 1}` }
      const query = { partNumber: String(number), uploadId: session.uploadId }
      const etag = await patiently(wire, limits, stop, async (call) => {
        const request = { method: 'PUT', key: to, query, headers: { ...headers, ...range } } as const
        return text(await taken(what, await wire.send(request, call)), 'ETag')
      })
      receipts.push({ number, size, ...(etag === undefined ? {} : { etag }) })
    }
  }
  try {
    await together(
      signal,
      Array.from({ length: Math.min(limits.concurrency, plan.length) }, () => worker),
    )
    receipts.sort((a, b) => a.number - b.number)
    await patiently(wire, limits, signal, async () => checkUnchanged(what, source, await look()))
    // The source's own digest, if it is of the same kind: the store compares it with what it put together.
    const digest = digestIn(checksum, source)
    await patiently(wire, limits, signal, (call) => driver.complete(session, intent, receipts, digest, call))
  } catch (error) {
    await giveUp(driver, session)
    throw error
  }
}

/** Parts that were copied cost money until somebody aborts. Why the copy failed matters more than that this did too. */
async function giveUp(driver: ReturnType<typeof s3Driver>, session: S3Session): Promise<void> {
  await driver.discard(session, unhurried()).catch(() => {})
}

function unhurried(): Call {
  return { signal: AbortSignal.timeout(UNHURRIED), touch: () => {} }
}

/**
 * A source that was overwritten meanwhile must not give the copy parts of both. Asked of us and not through
 * `x-amz-copy-source-if-match`: one service ignores that for parts, another compares it with something else.
 */
function checkUnchanged(what: string, before: HttpResponse, after: HttpResponse): void {
  if (['etag', 'last-modified', 'content-length'].every((name) => before.header(name) === after.header(name)))
    return
  throw new FilesError('Conflict', `${what}: it was overwritten meanwhile; copy it again`, undefined, {
    retryable: false,
  })
}

/** Makes a call that may be repeated until it answers, fails for good, or was tried too often. */
async function patiently<T>(
  wire: S3Wire,
  { retries }: CopyLimits,
  stop: AbortSignal,
  make: (call: Call) => Promise<T>,
): Promise<T> {
  const patience = new Patience(retryPolicy(retries, retries), wire.refresh, () => {})
  for (;;) {
    stop.throwIfAborted()
    try {
      return await make({ signal: stop, touch: () => {} })
    } catch (error) {
      stop.throwIfAborted()
      await patience.after(error, stop)
    }
  }
}

/** The XML of an answer to a copy. Status 200 is sent before the copy is done: an error can follow in the body. */
async function taken(what: string, response: HttpResponse): Promise<string> {
  const xml = await response.text()
  if (response.status < 300 && text(xml, 'Code') === undefined) return xml
  throw await s3Error(what, response)
}

function sourceOf({ bucket }: S3Wire, key: string): string {
  return `/${bucket}/${key.split('/').map(uriEncode).join('/')}`
}

function shownAs(source: HttpResponse): Record<string, string> {
  const own = `x-amz-meta-${OWN_METADATA}`
  return Object.fromEntries(
    source
      .headers()
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => KEPT.includes(name) || (name.startsWith('x-amz-meta-') && name !== own)),
  )
}
