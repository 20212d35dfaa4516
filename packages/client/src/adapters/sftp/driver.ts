/**
 * Uploads over SFTP: bytes go to a part file beside the target, which is renamed over it at the end.
 * https://datatracker.ietf.org/doc/html/draft-ietf-secsh-filexfer-02
 *
 * Bytes are written to the position that they have in the body, so that what a server still carries out after a
 * connection broke does no harm. Servers may carry out several requests at once: where the last ones broke off, the
 * end of the file is read back and compared.
 */
import type { OffsetDriver, OffsetState, UploadIntent } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import type { Json } from '../../json.ts'
import { sessionText } from '../../session.ts'
import { folderOf, partName, remotePath } from '../file-key.ts'
import { holds, provenEnd } from '../proof.ts'
import type { Connections } from './connections.ts'
import { NO_SUCH_FILE, statusOf } from './failure.ts'
import { type RemoteFiles, WINDOW } from './remote-files.ts'

export interface SftpSession {
  readonly [name: string]: Json
  readonly id: string
}

export function sftpDriver(connections: Connections, intent: UploadIntent): OffsetDriver<SftpSession> {
  const what = `uploading ${JSON.stringify(intent.key)}`
  remotePath('', intent.key) // refuses a key that is no path
  const pathsOf = (root: string, { id }: SftpSession) => {
    const target = remotePath(root, intent.key)
    return { target, part: `${folderOf(target)}/${partName(id)}` }
  }
  /** Requests may have broken off. */
  let broken = false
  /** An earlier attempt may have made the target a name of the part file, and its answer was lost. */
  let completing = false

  return {
    shape: 'offset',
    maxLanes: 1,
    chunk: { multiple: 1, min: 1, max: 2 ** 40, first: 8 * 2 ** 20 },
    begin: (_intent, _lanes, _first, { signal }) =>
      connections.use(what, signal, async (files, root) => {
        const session = { id: crypto.randomUUID() }
        const { part } = pathsOf(root, session)
        await files.makeFolder(part)
        await files.open(part, 'wx', async () => {})
        return { session, offsets: [0] }
      }),
    adopt: (session) => {
      const id = sessionText(session, 'id')
      partName(id) // refuses an id that is none
      broken = true
      completing = true
      return { id }
    },
    probe: (session, _intent, _lanes, body, call) =>
      connections.use(what, call.signal, async (files, root): Promise<OffsetState> => {
        const { part, target } = pathsOf(root, session)
        const size = (await files.look(part))?.size
        if (size === undefined) {
          // A name and a size prove nothing: only the content tells a lost answer from a lost upload.
          const there = (await files.look(target))?.size === intent.size
          const ours =
            there && (await files.open(target, 'r', (file) => holds(files.read(file, 0), body, call)))
          return ours ? { state: 'complete', result: {} } : { state: 'gone' }
        }
        if (size > intent.size)
          throw new FilesError(
            'Corrupted',
            `${what}: the part file holds ${size} bytes, the body has ${intent.size}; abort it and start anew`,
          )
        if (!broken) return { state: 'open', offsets: [size] }
        const end = await files.open(part, 'r', (file) =>
          provenEnd(body, size, WINDOW, (start, end) => gathered(files.read(file, start, end - start))),
        )
        return { state: 'open', offsets: [end] }
      }),
    send: (session, _lane, payload, { signal }) =>
      connections.use(what, signal, async (files, root) => {
        const { part } = pathsOf(root, session)
        return files.open(part, 'r+', async (file) => {
          const held = await files.sizeOf(file)
          if (held < payload.start) throw misplaced(held, payload.start)
          broken = true
          const end = await files.write(file, payload.start, payload.blocks())
          const now = await files.sizeOf(file)
          if (now < end) throw misplaced(now, end)
          broken = false
          return end
        })
      }),
    complete: (session, _intent, call) =>
      connections.use(what, call.signal, async (files, root) => {
        const { part, target } = pathsOf(root, session)
        await files.open(part, 'r+', async (file) => {
          const size = await files.sizeOf(file)
          if (size !== intent.size) throw misplaced(size, intent.size)
          await files.sync(file)
        })
        if (intent.condition?.type === 'create') await publishNew(files, part, target)
        else await files.replace(part, target)
        return {}
      }),
    discard: (session, { signal }) =>
      connections.use(what, signal, async (files, root) => {
        try {
          await files.remove(pathsOf(root, session).part)
        } catch (error) {
          if (statusOf(error) !== NO_SUCH_FILE) throw error
        }
      }),
  }

  /** A second name is refused where a file has it: nothing is overwritten, also not by two at once. */
  async function publishNew(files: RemoteFiles, part: string, target: string): Promise<void> {
    try {
      await files.link(part, target)
      completing = true
    } catch (error) {
      completing ||= statusOf(error) === undefined
      if (statusOf(error) === undefined || !(await files.look(target))) throw error
      if (!completing || !(await same(files, part, target)))
        throw new FilesError('Conflict', `${what}: there is a file already`, error)
    }
    await files.remove(part)
  }

  /** The engine asks where the file ends, and goes on from there. */
  function misplaced(size: number, expected: number): FilesError {
    return new FilesError('Provider', `${what}: the server holds ${size} bytes, expected were ${expected}`)
  }
}

/** Whether two files hold the same. */
async function same(files: RemoteFiles, one: string, other: string): Promise<boolean> {
  return files.open(one, 'r', (a) =>
    files.open(other, 'r', async (b) => {
      const size = await files.sizeOf(a)
      if (size !== (await files.sizeOf(b))) return false
      const read = async (start: number, end: number) =>
        new Uint8Array(await gathered(files.read(a, start, end - start)))
      const never = { signal: new AbortController().signal, touch: () => {} }
      return holds(files.read(b, 0), { size, read }, never)
    }),
  )
}

async function gathered(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}
