/** Uploads into a folder: bytes go to a part file beside the target, which is renamed over it at the end. */
import { randomUUID } from 'node:crypto'
import { link, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { BodyReader, Call, OffsetDriver, OffsetState, UploadIntent } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import type { Json } from '../../json.ts'
import { sessionText } from '../../session.ts'
import { etagOf } from './etag.ts'
import { errnoOf, onDisk } from './failure.ts'
import { makeFolder, partPath, pathOf } from './paths.ts'

const MIB = 1024 * 1024
/** Bytes between two `fdatasync` in the background, so that the one at the end is short. */
const SYNC_EVERY = 32 * MIB

export interface FsSession {
  readonly [name: string]: Json
  readonly id: string
  /** The part file's inode: it stays that of the object, which tells a lost answer from a lost upload. */
  readonly inode: string
  /** The boot in which the part file was begun. Its length counts within that boot only. */
  readonly boot: string
}

export function fsDriver(root: string, intent: UploadIntent): OffsetDriver<FsSession> {
  const target = pathOf(root, intent.key)
  const partOf = ({ id }: FsSession) => partPath(root, intent.key, id)
  const what = `uploading ${JSON.stringify(intent.key)}`
  return {
    shape: 'offset',
    maxLanes: 1,
    chunk: { multiple: 1, min: 1, max: 2 ** 40, first: 8 * MIB },
    begin: () =>
      onDisk(what, async () => {
        await makeFolder(root, target)
        const id = randomUUID()
        const part = await open(partPath(root, intent.key, id), 'wx')
        try {
          const inode = String((await part.stat({ bigint: true })).ino)
          return { session: { id, inode, boot: await bootId() }, offsets: [0] }
        } finally {
          await part.close()
        }
      }),
    adopt: (session) => {
      const id = sessionText(session, 'id')
      partPath(root, intent.key, id) // refuses an id that is none
      return { id, inode: sessionText(session, 'inode'), boot: sessionText(session, 'boot') }
    },
    probe: (session, _intent, _lanes, body, call) =>
      onDisk(what, async (): Promise<OffsetState> => {
        const size = await sizeOf(partOf(session))
        if (size === undefined) return (await isPublished(session)) ? await completed() : { state: 'gone' }
        const sameBoot = session.boot !== '' && session.boot === (await bootId())
        const offset =
          sameBoot && size <= intent.size ? size : await provenPrefix(partOf(session), body, call)
        return { state: 'open', offsets: [offset] }
      }),
    send: (session, _lane, payload, call) =>
      onDisk(what, async () => {
        const part = await open(partOf(session), 'r+')
        let syncing: Promise<void> | undefined
        try {
          let at = payload.start
          let synced = at
          // What lies beyond was written by an attempt whose fate nobody knew.
          await part.truncate(at)
          for await (const block of payload.blocks()) {
            call.signal.throwIfAborted()
            for (let rest = block; rest.length > 0; ) {
              const { bytesWritten } = await part.write(rest, 0, rest.length, at)
              at += bytesWritten
              rest = rest.subarray(bytesWritten)
            }
            if (at - synced < SYNC_EVERY) continue
            await syncing
            synced = at
            syncing = part.datasync()
            syncing.catch(() => {}) // awaited below or before the next one
          }
          await syncing
          return at
        } finally {
          await syncing?.catch(() => {})
          await part.close()
        }
      }),
    complete: (session) =>
      onDisk(what, async () => {
        if ((await sizeOf(partOf(session))) !== intent.size) {
          if (await isPublished(session)) return (await completed()).result
          throw new FilesError('Provider', `${what}: the part file does not hold the whole body`)
        }
        await syncFile(partOf(session))
        if (intent.condition?.type === 'create') await publishNew(session)
        else await rename(partOf(session), target)
        await syncFile(dirname(target))
        return (await completed()).result
      }),
    discard: (session) => onDisk(what, () => rm(partOf(session), { force: true })),
  }

  /** `link` fails where `rename` would replace: nothing is overwritten, also not by two at once. */
  async function publishNew(session: FsSession): Promise<void> {
    // Ours is there already where the process died between the two.
    if (!(await isPublished(session))) await link(partOf(session), target)
    await rm(partOf(session))
  }

  async function isPublished({ inode }: FsSession): Promise<boolean> {
    try {
      return String((await stat(target, { bigint: true })).ino) === inode
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false
      throw error
    }
  }

  async function completed() {
    return { state: 'complete' as const, result: { etag: etagOf(await stat(target)) } }
  }
}

/** After a crash of the machine a file's length proves nothing: what it holds is compared with the body. */
async function provenPrefix(path: string, body: BodyReader, call: Call): Promise<number> {
  const part = await open(path, 'r')
  try {
    const block = Buffer.alloc(MIB)
    for (let at = 0; at < body.size; ) {
      call.signal.throwIfAborted()
      call.touch()
      const { bytesRead } = await part.read(block, 0, Math.min(MIB, body.size - at), at)
      if (bytesRead === 0) return at
      const expected = await body.read(at, at + bytesRead)
      if (Buffer.compare(expected, block.subarray(0, bytesRead)) !== 0) return at
      at += bytesRead
    }
    return body.size
  } finally {
    await part.close()
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** `fsync` of a file or of a folder. Some systems cannot sync a folder: there renaming is durable by itself or never. */
async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } catch (error) {
    if (!['EINVAL', 'EISDIR', 'EPERM', 'EBADF'].includes(errnoOf(error) ?? '')) throw error
  } finally {
    await handle.close()
  }
}

/** Names this boot of the machine; empty where that is not known. */
async function bootId(): Promise<string> {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  } catch {
    return ''
  }
}
