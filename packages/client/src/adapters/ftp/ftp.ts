/**
 * Files on an FTP server, plain or with TLS, through `basic-ftp` (an optional peer dependency). For Node, Bun, Deno.
 * https://www.rfc-editor.org/rfc/rfc959 , https://www.rfc-editor.org/rfc/rfc3659
 *
 * Can: resume in another process, with SIZE proven before and after each piece; download by range, head, list,
 * move, delete.
 * Cannot: keep content types or metadata; overwrite on condition; copy, because FTP has no such command; give
 * URLs; make a server write to its disk before it answers. Servers that refuse REST or APPE on uploads are refused.
 */
import type { Client } from 'basic-ftp'
import type { Adapter, ByteRange } from '../../adapter.ts'
import { FilesError } from '../../errors.ts'
import { storedFile } from '../../stored-file.ts'
import { remotePath } from '../file-key.ts'
import { streamed } from '../streamed.ts'
import { pageOf } from '../tree.ts'
import { makeFolder, read, sizeOf } from './commands.ts'
import { Connections } from './connections.ts'
import { ftpDriver } from './driver.ts'
import { replyOf } from './failure.ts'
import type { FtpOptions } from './options.ts'

export type { FtpOptions } from './options.ts'

/** @example new Files({ adapter: ftp({ host: 'ftp.example.com', user, password, secure: true }) }) */
export function ftp(options: FtpOptions): Adapter<() => Promise<Client>> {
  const { host, port = 21, root = '' } = options
  const connections = new Connections(options)

  const content = (key: string, start: number, count?: number) => () =>
    streamed((write) =>
      connections.use(
        `reading ${JSON.stringify(key)}`,
        new AbortController().signal,
        async (client, base) => {
          if (count === 0) return
          for await (const chunk of read(client, remotePath(base, key), start, count)) await write(chunk)
        },
      ),
    )

  const look = (key: string, range: ByteRange | undefined, signal: AbortSignal) =>
    connections.use(`looking at ${JSON.stringify(key)}`, signal, async (client, base) => {
      const path = remotePath(base, key)
      const size = await sizeOf(client, path)
      if (size === undefined) throw new FilesError('NotFound', `there is no file ${JSON.stringify(key)}`)
      const lastModified = await client.lastMod(path).catch(() => undefined)
      const start = Math.min(range?.start ?? 0, size)
      const count = Math.min((range?.end ?? size - 1) + 1, size) - start
      return storedFile(
        { key, size: count, lastModified: lastModified?.getTime() },
        content(key, start, range?.end === undefined ? undefined : count),
      )
    })

  return {
    name: 'ftp',
    place: `ftp://${host}:${port}/${root}`,
    raw: () => connections.open(),
    traits: { rangeRead: true, delimiter: true, resumable: true },
    driver: (intent) => ftpDriver(connections, intent),
    download: (key, range, { signal }) => look(key, range, signal),
    head: (key, { signal }) => look(key, undefined, signal),
    delete: (key, { signal }) =>
      connections.use(`deleting ${JSON.stringify(key)}`, signal, async (client, base) => {
        const path = remotePath(base, key)
        try {
          await client.remove(path)
        } catch (error) {
          // "Not there" and "not allowed" are one answer.
          if (replyOf(error) !== 550 || (await sizeOf(client, path)) !== undefined) throw error
        }
      }),
    move: (from, to, { signal }) =>
      connections.use(`moving ${JSON.stringify(from)}`, signal, async (client, base) => {
        const target = remotePath(base, to)
        await makeFolder(client, target)
        await client.rename(remotePath(base, from), target)
      }),
    list: (query, { signal }) =>
      connections.use('listing', signal, (client, base) =>
        pageOf(
          query,
          async (folder) => {
            try {
              // A name given to LIST can be a pattern: the folder is entered instead.
              await client.cd(`${base}/${folder}`)
            } catch (error) {
              if (replyOf(error) === 550) return []
              throw error
            }
            const entries = await client.list()
            return entries
              .filter((entry) => entry.isFile || entry.isDirectory)
              .map(({ name, size, isDirectory, modifiedAt }) => ({
                name,
                size,
                isFolder: isDirectory,
                lastModified: modifiedAt?.getTime(),
              }))
          },
          (key, { size, lastModified }) => storedFile({ key, size, lastModified }, content(key, 0)),
        ),
      ),
  }
}
