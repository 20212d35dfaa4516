/**
 * Nextcloud's chunked uploads, version 2:
 * https://docs.nextcloud.com/server/latest/developer_manual/client_apis/WebDAV/chunking.html
 *
 * Chunks are files in a folder of their own, put side by side in any order and listed with their sizes, until that
 * folder is moved to the target. Nextcloud drops it after a day without a change. One that was moved is gone: then
 * the file under the key is ours if it holds the body. Nextcloud keeps an `OC-Checksum` that it is sent unchecked;
 * asked to, it computes one of what it has: that is compared with the body's.
 */
import type { Digest } from '../../digest.ts'
import type { Call, PartReceipt, PartsDriver, ProviderResult, UploadIntent } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import { canStream } from '../../http/http.ts'
import type { Json } from '../../json.ts'
import { sessionFields, sessionText } from '../../session.ts'
import { WHOLE } from '../../transfer/block.ts'
import { described } from '../described.ts'
import { partName } from '../file-key.ts'
import { hexDigest } from '../hex-digest.ts'
import { holds } from '../proof.ts'
import { resultOf } from '../webdav/driver.ts'
import { OCTETS } from '../webdav/patching.ts'
import type { WebdavWire } from '../webdav/wire.ts'

const MIB = 1024 * 1024
const GB = 1e9
const MAX_COUNT = 10_000
/** Milliseconds that Nextcloud may work on a GB without a sign: as long as its own client waits. */
const PATIENCE = 180_000
/** Statuses of a folder of uploads that is none, or not of this user. */
const NO_CHUNKS = [404, 405, 409, 501]
/** Statuses of an upload's folder that is not there: it was dropped, or moved by another process. */
const GONE = [404, 409]

export interface NextcloudSession {
  readonly [name: string]: Json
  /** The name of the folder that chunks go to. */
  readonly id: string
  readonly partSize: number
}

export function nextcloudDriver(
  wire: WebdavWire,
  uploads: string,
  { key, size, condition }: UploadIntent,
  minPartSize: number,
): PartsDriver<NextcloudSession> {
  const what = `uploading ${JSON.stringify(key)}`
  const target = wire.urlOf(key)
  const destination = { destination: target }
  const headers = { ...destination, 'oc-total-length': String(size) }
  const folderOf = ({ id }: NextcloudSession) => `${uploads}/${id}`

  /** The chunks of the body that are there, whole. Others, and what Nextcloud keeps beside them, do not count. */
  async function chunks(session: NextcloudSession, call: Call): Promise<PartReceipt[] | undefined> {
    const found = await wire.look(what, `${folderOf(session)}/`, 1, call)
    return found?.flatMap(({ path, size: held }) => {
      const number = Number(/\/(\d{1,5})$/.exec(path)?.[1] ?? 0)
      const start = (number - 1) * session.partSize
      const whole = number > 0 && start < size && held === Math.min(session.partSize, size - start)
      return whole ? [{ number, size: held }] : []
    })
  }

  async function file(call: Call) {
    return (await wire.look(what, target, 0, call))?.[0]
  }

  /** What Nextcloud computes of the file; older releases do not, and it may take longer than a proxy waits. */
  async function checksum(call: Call): Promise<Digest | undefined> {
    const request = { method: 'PATCH', url: target, headers: { 'x-recalculate-hash': 'sha256' } }
    try {
      const response = await patient(wire.send(request, call), call)
      return hexDigest('sha-256', /^SHA256:(.+)$/i.exec(response.header('oc-checksum') ?? '')?.[1])
    } catch {
      call.signal.throwIfAborted()
      return undefined
    }
  }

  /** Waits for what Nextcloud does with the whole file: meanwhile no byte moves. */
  async function patient<T>(answer: Promise<T>, call: Call): Promise<T> {
    const until = Date.now() + (size / GB) * PATIENCE
    const timer = setInterval(() => Date.now() < until && call.touch(), 1000)
    try {
      return await answer
    } finally {
      clearInterval(timer)
    }
  }

  return {
    shape: 'parts',
    digest: 'sha-256',
    part: {
      min: minPartSize,
      max: canStream() ? 5 * GB : WHOLE,
      maxCount: MAX_COUNT,
      maxSize: MAX_COUNT * 5 * GB,
      multiple: 1,
      preferred: Math.max(10 * MIB, minPartSize),
    },
    single: {
      // On a condition, repeating a request whose answer was lost would be refused because of its own file.
      max: condition === undefined ? minPartSize : 0,
      put: async (_intent, payload, call): Promise<ProviderResult> => {
        await wire.makeFolders(what, target, call)
        const only = condition ? { 'if-none-match': '*' } : {}
        const headers = { ...OCTETS, ...only, 'x-hash': 'sha256' }
        const answer = await wire.expect(what, { method: 'PUT', url: target, headers, body: payload }, call)
        const digest = hexDigest('sha-256', answer.header('x-hash-sha256'))
        const { etag } = described(what, { etag: answer.header('etag') ?? answer.header('oc-etag') }, 'etag')
        return { ...resultOf(etag), ...(digest && { digest }) }
      },
    },
    begin: async (_intent, partSize, call) => {
      const session = { id: crypto.randomUUID(), partSize }
      await wire.makeFolders(what, target, call)
      const url = folderOf(session)
      try {
        const response = await wire.expect(
          what,
          { method: 'MKCOL', url, headers: destination },
          call,
          NO_CHUNKS,
        )
        if (response.status < 300) return session
      } catch (error) {
        await wire.send({ method: 'DELETE', url, headers: {} }, call).catch(() => {})
        throw error
      }
      throw new FilesError('NotSupported', `${what}: ${uploads} takes no chunks; \`pawl/webdav\` may do`)
    },
    adopt: (session) => {
      const id = sessionText(session, 'id')
      partName(id) // refuses an id that is none
      const partSize = Number(sessionFields(session).partSize)
      if (Number.isSafeInteger(partSize) && partSize > 0) return { id, partSize }
      throw new FilesError('SessionGone', `${what}: the session token has no part size`)
    },
    partSizeOf: ({ partSize }) => partSize,
    probe: async (session, _intent, body, call) => {
      const parts = await chunks(session, call)
      if (parts) return { state: 'open', parts }
      const there = await file(call)
      const ours = there?.size === size && (await holds(wire.content(what, target, {}, call), body, call))
      return ours ? { state: 'complete', result: resultOf(there.etag) } : { state: 'gone' }
    },
    send: async (session, number, payload, call) => {
      const url = `${folderOf(session)}/${String(number).padStart(5, '0')}`
      const request = { method: 'PUT', url, headers: { ...OCTETS, ...headers }, body: payload }
      const response = await wire.send(request, call)
      if (response.status < 300) return { number, size: payload.size }
      // What it knew of the upload is lost, though not its folder.
      if (response.status === 412)
        throw new FilesError('SessionGone', `${what}: Nextcloud forgot it; start anew`)
      if (GONE.includes(response.status)) throw unlike('no folder of this upload')
      throw statusError(what, response)
    },
    complete: async (session, _intent, parts, digest, call) => {
      // With an object storage behind it, Nextcloud does not count what it puts together.
      const held = await chunks(session, call)
      if (held?.length !== parts.length) throw unlike(`${held?.length ?? 'no'} of ${parts.length} chunks`)
      await wire.refuseFolder(what, target, call)
      const overwrite = condition?.type === 'create' ? 'F' : 'T'
      const request = {
        method: 'MOVE',
        url: `${folderOf(session)}/.file`,
        headers: { ...headers, overwrite },
      }
      const response = await patient(wire.send(request, call), call)
      if (response.status === 404) throw unlike('no folder of this upload')
      if (response.status >= 300) throw statusError(what, response)
      const there = await file(call)
      if (there?.size !== size) throw unlike(`${there?.size ?? 'no'} of ${size} bytes`)
      const theirs = digest && (await checksum(call))
      return { ...resultOf(there.etag), ...(theirs && { digest: theirs }) }
    },
    discard: async (session, call) => {
      await wire.expect(what, { method: 'DELETE', url: folderOf(session), headers: {} }, call, [404])
    },
    refresh: () => wire.refresh(),
  }

  /** The engine asks what is there, and goes on from there. */
  function unlike(there: string): FilesError {
    return new FilesError('Provider', `${what}: the server holds ${there}`)
  }
}
