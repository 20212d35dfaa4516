/**
 * Upload sessions: https://developer.box.com/guides/uploads/chunked/
 *
 * Box sets the part size when a session begins. Parts cannot be replaced: what is there already is found in the
 * list and compared with the body by its SHA-1. The commit carries that of the whole file, and is asked for until
 * Box has put the parts together. A session that was committed is gone; then the file under the path is ours if
 * it has the body's SHA-1.
 */
import { encodeBase64 } from '@pawl/protocol'
import type {
  BodyReader,
  Call,
  PartReceipt,
  PartsDriver,
  PartsState,
  Payload,
  ProviderResult,
  UploadIntent,
} from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { formOf } from '../../http/form.ts'
import type { Json, JsonObject } from '../../json.ts'
import { sessionFields, sessionText } from '../../session.ts'
import { sleep } from '../../transfer/retry.ts'
import { type BoxFolders, split } from './folders.ts'
import { base64Of, hashed, hexOf, sumOf } from './sha1.ts'
import { type BoxAnswer, type BoxWire, boxError, conflictOf, type Fields, fieldsOf, listOf } from './wire.ts'

/** Statuses of a session that is not there. */
const GONE = [404, 410]
/** Most parts a page of their list may have. */
const PAGE = 1000
/** Waiting is no silence: this often, in milliseconds, it is told. */
const SIGN = 100

export interface BoxSession {
  readonly [name: string]: Json
  /** Of the session; Box names the host that is nearest. */
  readonly url: string
  readonly partSize: number
}

export function boxDriver(
  wire: BoxWire,
  folders: BoxFolders,
  intent: UploadIntent,
  sessionFrom: number,
): PartsDriver<BoxSession> {
  const { key, size, condition } = intent
  const [, name] = split(key)
  const what = `uploading ${JSON.stringify(key)}`
  /** SHA-1 of parts of the body, by their number, in base64. */
  const proven = new Map<number, string>()
  /** Whether a request that makes the file may have been carried out. */
  let tried = false

  /** The file under the key, if its content is the body's. */
  async function made(sum: string | undefined, call: Call): Promise<ProviderResult | undefined> {
    const result = resultOf(await folders.look(key, call))
    return result.digest?.value === sum ? result : undefined
  }

  const match = condition?.type === 'replace' ? { 'if-match': condition.etag } : undefined

  async function put(payload: Payload, call: Call): Promise<ProviderResult> {
    const parent = { id: await folders.make(key, call) }
    // Asked before the content goes out: a name that is taken would be refused only after it.
    const request = { method: 'OPTIONS', url: `${wire.api}/files/content`, json: { name, parent, size } }
    const check = await wire.ask(what, request, call, 409)
    const there = conflictOf(check)
    if (check.status === 409 && there?.type !== 'file') throw boxError(what, check)
    // A version to replace must be there.
    if (match && !there) await folders.file(key, call)
    const { body, sum } = await hashed(payload)
    // The answer to our own request may have been lost.
    const before = tried && (await made(encodeBase64(sum), call))
    if (before) return before
    if (there && condition?.type === 'create') throw boxError(what, check)
    const file = { name: 'file', filename: name, type: intent.contentType }
    const form = formOf({ attributes: JSON.stringify({ name, parent }) }, file, body)
    tried = true
    const { fields } = await wire.ask(
      what,
      {
        method: 'POST',
        url: `${wire.uploads}/files/${there ? `${there.id}/` : ''}content`,
        headers: { ...form.headers, ...match, 'content-md5': hexOf(sum) },
        body: form.body,
      },
      call,
    )
    return resultOf(listOf(fields.entries)[0])
  }

  async function listed({ url }: BoxSession, call: Call): Promise<Fields[] | undefined> {
    const parts: Fields[] = []
    for (;;) {
      const request = { method: 'GET', url: `${url}/parts?offset=${parts.length}&limit=${PAGE}` }
      const { status, fields } = await wire.ask(what, request, call, ...GONE)
      if (status >= 300) return undefined
      const page = listOf(fields.entries)
      parts.push(...page)
      if (page.length === 0 || parts.length >= Number(fields.total_count)) return parts
    }
  }

  /** Parts that Box holds, each of them compared with the body once. */
  async function checked(
    parts: readonly Fields[],
    { partSize }: BoxSession,
    body: BodyReader,
    call: Call,
  ): Promise<PartReceipt[]> {
    const receipts: PartReceipt[] = []
    for (const { part_id: id, offset, size: held, sha1 } of parts) {
      const [start, length] = [Number(offset), Number(held)]
      const number = Math.floor(start / partSize) + 1
      const fits = start % partSize === 0 && length === Math.min(partSize, size - start)
      const sum = fits ? (proven.get(number) ?? (await sumOf(body, start, length, call))) : undefined
      // It cannot be replaced, and with it no commit would be taken.
      if (sum === undefined || sum !== base64Of(sha1))
        throw new FilesError('Corrupted', `${what}: part ${number} is not the body's: upload anew`)
      proven.set(number, sum)
      receipts.push({ number, size: length, etag: `${id}:${sha1}` })
    }
    return receipts
  }

  return {
    shape: 'parts',
    digest: 'sha',
    // Until a session says more.
    part: { min: 1, max: 2 ** 50, maxCount: 2 ** 20, maxSize: 2 ** 50, multiple: 1, preferred: 2 ** 23 },
    single: { max: sessionFrom - 1, put: (_intent, payload, call) => put(payload, call) },
    begin: async (_intent, _partSize, call) => {
      const folder_id = await folders.make(key, call)
      const json = { file_size: size, file_name: name }
      const create = (path: string, json: JsonObject, ...expected: number[]) => {
        const request = { method: 'POST', url: `${wire.uploads}/files/${path}upload_sessions`, json }
        return wire.ask(what, request, call, ...expected)
      }
      const existing = match && (await folders.file(key, call))
      let answer = existing
        ? await create(`${existing.id}/`, json)
        : await create('', { ...json, folder_id }, 409)
      const there = conflictOf(answer)
      if (there?.type === 'file' && condition === undefined) answer = await create(`${there.id}/`, json)
      if (answer.status >= 300) throw boxError(what, answer)
      const { part_size: partSize, session_endpoints: endpoints } = answer.fields
      return sized(String(fieldsOf(endpoints).upload_part), partSize)
    },
    adopt: (session) => sized(sessionText(session, 'url'), sessionFields(session).partSize),
    partSizeOf: ({ partSize }) => partSize,
    probe: async (session, _intent, body, call): Promise<PartsState> => {
      const parts = await listed(session, call)
      if (parts) return { state: 'open', parts: await checked(parts, session, body, call) }
      const result = await made(await sumOf(body, 0, size, call), call)
      return result ? { state: 'complete', result } : { state: 'gone' }
    },
    send: async ({ url }, number, payload, call) => {
      const { body, sum } = await hashed(payload)
      proven.set(number, encodeBase64(sum))
      const headers = {
        'content-type': 'application/octet-stream',
        'content-range': `bytes ${payload.start}-${payload.start + payload.size - 1}/${size}`,
        digest: `sha=${encodeBase64(sum)}`,
      }
      const answer = await wire.ask(what, { method: 'PUT', url, headers, body }, call, 409, ...GONE)
      if (answer.status >= 300) throw unsure(answer)
      const part = fieldsOf(answer.fields.part)
      return { number, size: payload.size, etag: `${part.part_id}:${part.sha1}` }
    },
    complete: async (session, _intent, parts, digest, call) => {
      const named = parts.map(({ number, size, etag = '' }) => {
        const [part_id = '', sha1 = ''] = etag.split(':')
        return { part_id, offset: (number - 1) * session.partSize, size, sha1 }
      })
      const headers = { digest: `sha=${digest?.value}`, ...match }
      const request = { method: 'POST', url: `${session.url}/commit`, headers, json: { parts: named } }
      const commit = () => wire.ask(what, request, call, 400, ...GONE)
      let answer = await commit()
      // The parts are being put together: Box says when to ask again.
      while (answer.status === 202) {
        const until = Date.now() + Number(answer.response.header('retry-after') ?? 1) * 1000
        for (; Date.now() < until && !call.signal.aborted; call.touch()) await sleep(SIGN, call.signal)
        call.signal.throwIfAborted()
        answer = await commit()
      }
      if (answer.status < 300) return resultOf(listOf(answer.fields.entries)[0])
      if (answer.status !== 400) throw unsure(answer)
      const error = boxError(what, answer)
      // Each part was checked as it came: sent again, they would come to the same.
      if (answer.fields.code === 'digest_mismatch') throw new FilesError('Corrupted', error.message)
      throw error
    },
    discard: async ({ url }, call) => {
      await wire.ask(`discarding ${JSON.stringify(key)}`, { method: 'DELETE', url }, call, ...GONE)
    },
    refresh: wire.refresh,
  }

  /** Only the list of parts tells what is there: the engine has to ask for it. */
  function unsure(answer: BoxAnswer): FilesError {
    return new FilesError('Provider', boxError(what, answer).message)
  }

  function sized(url: string, partSize: unknown): BoxSession {
    const session = { url: wire.sessionUrl(url), partSize: Number(partSize) }
    if (Number.isSafeInteger(session.partSize) && session.partSize > 0) return session
    throw new FilesError('SessionGone', `${what}: it has no part size`)
  }
}

function resultOf({ etag, sha1 }: Fields = {}): ProviderResult {
  return { etag: String(etag), digest: { algorithm: 'sha', value: base64Of(sha1) } }
}
