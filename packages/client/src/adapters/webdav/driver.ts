/**
 * Uploads over WebDAV: bytes go to a part file beside the target, which is moved over it at the end.
 *
 * Where the server is proven to patch, the part file grows by PUT with `Content-Range`, each byte at the position
 * that it has in the body. Elsewhere the whole body goes to the part file in one PUT: what broke off is sent anew.
 */
import type { OffsetDriver, OffsetState, ProviderResult, UploadIntent } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import type { Json } from '../../json.ts'
import { sessionFields, sessionText } from '../../session.ts'
import { sleep } from '../../transfer/retry.ts'
import { chunkRule } from '../chunk-rule.ts'
import { folderOf, partName } from '../file-key.ts'
import { holds, provenEnd } from '../proof.ts'
import { OCTETS, patches } from './patching.ts'
import type { WebdavWire } from './wire.ts'

/** How much is read back of a part file whose last request broke. */
const TAIL = 1024 * 1024
/** Milliseconds after which a part file that has not grown has no other writer. */
const STILL = 300

export interface WebdavSession {
  readonly [name: string]: Json
  readonly id: string
  /** Whether the server was proven to patch. */
  readonly patches: boolean
}

export function webdavDriver(wire: WebdavWire, intent: UploadIntent): OffsetDriver<WebdavSession> {
  const what = `uploading ${JSON.stringify(intent.key)}`
  const target = wire.urlOf(intent.key)
  const partOf = ({ id }: { readonly id: string }) => `${folderOf(target)}/${partName(id)}`
  const look = async (url: string, call: Parameters<WebdavWire['look']>[3]) =>
    (await wire.look(what, url, 0, call))?.[0]
  let inPieces = true
  /** A request may have broken off: its server may still be writing what had arrived. */
  let broken = false

  return {
    shape: 'offset',
    maxLanes: 1,
    get chunk() {
      const rule = chunkRule({}, false)
      return inPieces ? rule : { ...rule, min: intent.size, max: Math.max(rule.max, intent.size) }
    },
    begin: async (_intent, _lanes, _first, call) => {
      const id = crypto.randomUUID()
      const part = partOf({ id })
      await wire.makeFolders(what, part, call)
      try {
        inPieces = await patches(wire, what, part, call)
        await wire.expect(what, { method: 'PUT', url: part, headers: OCTETS, body: '' }, call)
      } catch (error) {
        await wire.send({ method: 'DELETE', url: part, headers: {} }, call).catch(() => {})
        throw error
      }
      return { session: { id, patches: inPieces }, offsets: [0] }
    },
    adopt: (session) => {
      const id = sessionText(session, 'id')
      partName(id) // refuses an id that is none
      broken = true
      inPieces = sessionFields(session).patches === true
      return { id, patches: inPieces }
    },
    probe: async (session, _intent, _lanes, body, call): Promise<OffsetState> => {
      const part = partOf(session)
      let held = await look(part, call)
      for (let before: number | undefined; broken && held?.size !== before; held = await look(part, call)) {
        before = held?.size
        call.touch()
        await sleep(STILL, call.signal)
      }
      if (held === undefined) {
        const there = await look(target, call)
        // A name and a size prove nothing: only the content tells a lost answer from a lost upload.
        const ours =
          there?.size === intent.size && (await holds(wire.content(what, target, {}, call), body, call))
        return ours ? { state: 'complete', result: resultOf(there.etag) } : { state: 'gone' }
      }
      const { size } = held
      if (size > intent.size)
        throw new FilesError(
          'Corrupted',
          `${what}: the part file holds ${size} bytes, the body has ${intent.size}; abort it and start anew`,
        )
      if (!session.patches && size < intent.size) return { state: 'open', offsets: [0] }
      if (!broken) return { state: 'open', offsets: [size] }
      const end = await provenEnd(body, size, TAIL, (start, end) =>
        gathered(wire.content(what, part, { range: `bytes=${start}-${end - 1}` }, call), end - start),
      )
      return { state: 'open', offsets: [session.patches || end === size ? end : 0] }
    },
    send: async (session, _lane, payload, call) => {
      const part = partOf(session)
      const end = payload.start + payload.size
      const held = (await look(part, call))?.size
      if (held === undefined || held < payload.start) throw misplaced(held, payload.start)
      if (!session.patches && payload.size !== intent.size) throw misplaced(held, intent.size)
      // A part file that was removed meanwhile must not be made anew, with nothing where the bytes before were.
      const range = {
        'content-range': `bytes ${payload.start}-${end - 1}/${intent.size}`,
        'if-match': '*',
      }
      const headers = { ...OCTETS, ...(session.patches ? range : {}) }
      broken = true
      const response = await wire.send({ method: 'PUT', url: part, headers, body: payload }, call)
      // 412: it is not there any more.
      if (response.status >= 300) throw statusError(what, response, '', response.status === 412)
      const now = (await look(part, call))?.size
      if (now === undefined || now < end) throw misplaced(now, end)
      broken = false
      return end
    },
    complete: async (session, _intent, call) => {
      const held = (await look(partOf(session), call))?.size
      if (held !== intent.size) throw misplaced(held, intent.size)
      await wire.relocate(what, 'MOVE', partOf(session), target, intent.condition?.type !== 'create', call)
      const there = await look(target, call)
      if (there?.size !== intent.size) throw misplaced(there?.size, intent.size)
      return resultOf(there.etag)
    },
    discard: async (session, call) => {
      // A PUT that was cut may be carried out yet, and make the file anew.
      for (let left = 5; left > 0; left--) {
        await wire.expect(what, { method: 'DELETE', url: partOf(session), headers: {} }, call, [404])
        if (!broken) return
        await sleep(STILL, call.signal)
        if ((await look(partOf(session), call)) === undefined) return
      }
    },
    refresh: () => wire.refresh(),
  }

  /** The engine asks where the file ends, and goes on from there. */
  function misplaced(size: number | undefined, expected: number): FilesError {
    return new FilesError(
      'Provider',
      `${what}: the server holds ${size ?? 'no'} bytes, expected were ${expected}`,
    )
  }
}

export function resultOf(etag: string | undefined): ProviderResult {
  return etag === undefined ? {} : { etag }
}

/** At most `size` bytes: a server that ignores a range gives more. */
async function gathered(chunks: AsyncIterable<Uint8Array>, size: number): Promise<Uint8Array> {
  const all = new Uint8Array(size)
  let at = 0
  for await (const chunk of chunks) {
    all.set(chunk.subarray(0, size - at), at)
    at += chunk.length
    if (at >= size) break
  }
  return all.subarray(0, at)
}
