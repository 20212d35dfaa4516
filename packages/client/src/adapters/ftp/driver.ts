/**
 * Uploads over FTP: bytes go to a part file beside the target, which is renamed over it at the end.
 * https://www.rfc-editor.org/rfc/rfc3659 (SIZE, REST in stream mode)
 *
 * The end of a transfer is the end of a connection, so that a broken one looks complete: only SIZE tells what
 * arrived. It is asked before each piece and after it. Bytes are always written to the position that they have in
 * the body: whatever a server still takes from a connection that was cut, it writes what belongs there.
 */
import { Readable } from 'node:stream'
import type { OffsetDriver, OffsetState, UploadIntent } from '../../driver.ts'
import { FilesError, type FilesErrorCode } from '../../errors.ts'
import type { Json } from '../../json.ts'
import { sessionText } from '../../session.ts'
import { sleep } from '../../transfer/retry.ts'
import { folderOf, partName, remotePath } from '../file-key.ts'
import { holds, provenEnd } from '../proof.ts'
import { isHeld, makeFolder, nothing, read, sizeOf, storeAt } from './commands.ts'
import type { Connections } from './connections.ts'
import { replyOf } from './failure.ts'

const MIB = 1024 * 1024
/** How much is read back of a part file whose last transfer broke. */
const TAIL = MIB
/** Milliseconds after which a part file that has not grown has no other writer. */
const STILL = 300
/** How often a part file is looked for that a server keeps from view. */
const LOOKS = 10
/** How servers say that a file is not to be written to. */
const REFUSALS = [450, 451, 500, 502, 504, 532, 550, 553]

export interface FtpSession {
  readonly [name: string]: Json
  readonly id: string
}

export function ftpDriver(connections: Connections, intent: UploadIntent): OffsetDriver<FtpSession> {
  const what = `uploading ${JSON.stringify(intent.key)}`
  remotePath('', intent.key) // refuses a key that is no path
  const pathsOf = (root: string, { id }: FtpSession) => {
    const target = remotePath(root, intent.key)
    return { target, part: `${folderOf(target)}/${partName(id)}` }
  }
  /** A transfer may have broken: its server may still be writing what had arrived. */
  let broken = false

  /** A refusal often resets the data connection first: the command is repeated without one, to hear why. */
  const refused =
    (command: string, code: FilesErrorCode, why: string, signal: AbortSignal) => async (cause: unknown) => {
      const reply = await connections.use(what, signal, async (client) => {
        const answer = await client.ftp.request(command).catch((error: unknown) => error)
        client.close()
        return answer
      })
      if (!REFUSALS.includes(replyOf(reply) ?? 0)) throw cause
      throw new FilesError(code, `${what}: ${why}`, reply, { retryable: false })
    }

  const remove = (session: FtpSession, signal: AbortSignal) =>
    connections.use(what, signal, (client, root) => client.remove(pathsOf(root, session).part, true))

  return {
    shape: 'offset',
    maxLanes: 1,
    chunk: { multiple: 1, min: 1, max: 2 ** 40, first: 8 * MIB },
    begin: async (_intent, _lanes, _first, { signal }) => {
      const session = { id: crypto.randomUUID() }
      try {
        await connections.use(what, signal, async (client, root) => {
          const { part } = pathsOf(root, session)
          await makeFolder(client, part)
          await client
            .uploadFrom(nothing(), part)
            .catch(refused(`STOR ${part}`, 'Unauthorized', 'this server takes no file there', signal))
          // Some servers let nobody go on with a file: they say so before a byte of the body goes out.
          await client
            .appendFrom(nothing(), part)
            .catch(
              refused(`APPE ${part}`, 'NotSupported', 'this server lets nobody go on with a file', signal),
            )
        })
        return { session, offsets: [0] }
      } catch (error) {
        await remove(session, signal).catch(() => {}) // why it could not begin matters more
        throw error
      }
    },
    adopt: (session) => {
      const id = sessionText(session, 'id')
      partName(id) // refuses an id that is none
      broken = true
      return { id }
    },
    probe: (session, _intent, _lanes, body, call) =>
      connections.use(what, call.signal, async (client, root): Promise<OffsetState> => {
        const { part, target } = pathsOf(root, session)
        let size = await sizeOf(client, part)
        for (let left = LOOKS; size === undefined; left--) {
          const hidden = await isHeld(client, folderOf(part))
          // After that look, not before: it may be given back between the two.
          size = await sizeOf(client, part)
          if (!hidden || size !== undefined) break
          if (left === 0) throw held()
          call.touch()
          await sleep(STILL, call.signal)
        }
        for (let before: number | undefined; broken && size !== before; size = await sizeOf(client, part)) {
          before = size
          call.touch()
          await sleep(STILL, call.signal)
        }
        if (size !== undefined) {
          if (size > intent.size) throw tooLong(size)
          const bytes = (start: number, end: number) =>
            connections.use(what, call.signal, (other) => gathered(read(other, part, start, end - start)))
          return { state: 'open', offsets: [broken ? await provenEnd(body, size, TAIL, bytes) : size] }
        }
        if ((await sizeOf(client, target)) !== intent.size) return { state: 'gone' }
        // A name and a size prove nothing: only the content tells a lost answer from a lost upload.
        const ours = await holds(read(client, target, 0), body, call)
        return ours ? { state: 'complete', result: {} } : { state: 'gone' }
      }),
    send: (session, _lane, payload, { signal }) =>
      connections.use(what, signal, async (client, root) => {
        const { part } = pathsOf(root, session)
        const held = await sizeOf(client, part)
        if (held === undefined || held < payload.start) throw misplaced(held, payload.start)
        broken = true
        await storeAt(client, part, payload.start, Readable.from(payload.blocks(), { objectMode: false }))
        const end = payload.start + payload.size
        const now = await sizeOf(client, part)
        if (now !== end) throw misplaced(now, end)
        broken = false
        return end
      }),
    complete: (session, _intent, { signal }) =>
      connections.use(what, signal, async (client, root) => {
        const { part, target } = pathsOf(root, session)
        const size = await sizeOf(client, part)
        if (size !== intent.size) throw misplaced(size, intent.size)
        await client.rename(part, target)
        const now = await sizeOf(client, target)
        if (now !== intent.size) throw misplaced(now, intent.size)
        return {}
      }),
    discard: (session, { signal }) =>
      connections.use(what, signal, async (client, root) => {
        const { part } = pathsOf(root, session)
        // A STOR that was cut may be carried out yet, and make the file anew.
        for (let left = 5; left > 0; left--) {
          await client.remove(part, true)
          if (!broken) return
          await sleep(STILL, signal)
          if ((await sizeOf(client, part)) === undefined) return
        }
      }),
  }

  function held(): FilesError {
    return new FilesError(
      'Provider',
      `${what}: the server keeps the file for a connection that broke; go on when it has noticed`,
      undefined,
      { retryable: true },
    )
  }

  function tooLong(size: number): FilesError {
    return new FilesError(
      'Corrupted',
      `${what}: the part file holds ${size} bytes, the body has ${intent.size}; abort it and start anew`,
    )
  }

  /** The engine asks where the file ends, and goes on from there. */
  function misplaced(size: number | undefined, expected: number): FilesError {
    return new FilesError(
      'Provider',
      `${what}: the server holds ${size ?? 'no'} bytes, expected were ${expected}`,
    )
  }
}

async function gathered(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}
