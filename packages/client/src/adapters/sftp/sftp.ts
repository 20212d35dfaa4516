/**
 * Files on an SSH server, over SFTP, through `ssh2` (an optional peer dependency). For Node, Bun and Deno.
 * https://datatracker.ietf.org/doc/html/draft-ietf-secsh-filexfer-02 and the extensions of
 * https://github.com/openssh/openssh-portable/blob/master/PROTOCOL
 *
 * Can: resume in another process; overwrite in one step (posix-rename); `condition: create` (hardlink); download by
 * range, head, list, move, delete; copy at the server (copy-data, OpenSSH 9); have the server sync before it answers.
 * Cannot: keep content types or metadata; give URLs; connect without knowing the server's key.
 */
import type { Adapter, ByteRange } from '../../adapter.ts'
import { FilesError } from '../../errors.ts'
import { storedFile } from '../../stored-file.ts'
import { folderOf, partName, remotePath } from '../file-key.ts'
import { streamed } from '../streamed.ts'
import { pageOf } from '../tree.ts'
import { Connections } from './connections.ts'
import { sftpDriver } from './driver.ts'
import { NO_SUCH_FILE, statusOf } from './failure.ts'
import type { SftpOptions } from './options.ts'

export type { SftpOptions } from './options.ts'

/** @example new Files({ adapter: sftp({ host, user, privateKey, hostKeys: ['SHA256:…'] }) }) */
export function sftp(options: SftpOptions): Adapter<Connections> {
  const { host, port = 22, root = '' } = options
  const connections = new Connections(options)

  const content = (key: string, start: number, count?: number) => () =>
    streamed((write) =>
      connections.use(`reading ${JSON.stringify(key)}`, new AbortController().signal, (files, base) =>
        files.open(remotePath(base, key), 'r', async (file) => {
          for await (const chunk of files.read(file, start, count)) await write(chunk)
        }),
      ),
    )

  const look = (key: string, range: ByteRange | undefined, signal: AbortSignal) =>
    connections.use(`looking at ${JSON.stringify(key)}`, signal, async (files, base) => {
      const facts = await files.look(remotePath(base, key))
      if (!facts?.isFile()) throw new FilesError('NotFound', `there is no file ${JSON.stringify(key)}`)
      const start = Math.min(range?.start ?? 0, facts.size)
      const size = Math.min((range?.end ?? facts.size - 1) + 1, facts.size) - start
      return storedFile({ key, size, lastModified: facts.mtime * 1000 }, content(key, start, size))
    })

  return {
    name: 'sftp',
    place: `sftp://${host}:${port}/${root}`,
    raw: connections,
    traits: {
      rangeRead: true,
      delimiter: true,
      serverSideCopy: true,
      conditions: ['create'],
      resumable: true,
    },
    driver: (intent) => sftpDriver(connections, intent),
    download: (key, range, { signal }) => look(key, range, signal),
    head: (key, { signal }) => look(key, undefined, signal),
    delete: (key, { signal }) =>
      connections.use(`deleting ${JSON.stringify(key)}`, signal, async (files, base) => {
        try {
          await files.remove(remotePath(base, key))
        } catch (error) {
          if (statusOf(error) !== NO_SUCH_FILE) throw error
        }
      }),
    copy: (from, to, { signal }) =>
      connections.use(`copying ${JSON.stringify(from)}`, signal, async (files, base) => {
        const target = remotePath(base, to)
        const part = `${folderOf(target)}/${partName(crypto.randomUUID())}`
        await files.open(remotePath(base, from), 'r', async (source) => {
          await files.makeFolder(target)
          try {
            await files.open(part, 'wx', async (file) => {
              await files.copy(source, file)
              if ((await files.sizeOf(file)) !== (await files.sizeOf(source)))
                throw new FilesError('Provider', 'the copy has another size')
            })
            await files.replace(part, target)
          } catch (error) {
            if (!files.closed) await files.remove(part).catch(() => {})
            throw error
          }
        })
      }),
    move: (from, to, { signal }) =>
      connections.use(`moving ${JSON.stringify(from)}`, signal, async (files, base) => {
        const target = remotePath(base, to)
        await files.makeFolder(target)
        await files.replace(remotePath(base, from), target)
      }),
    list: (query, { signal }) =>
      connections.use('listing', signal, (files, base) =>
        pageOf(
          query,
          async (folder) => {
            try {
              const entries = await files.list(`${base}/${folder}`)
              return entries
                .filter(({ attrs }) => attrs.isFile() || attrs.isDirectory())
                .map(({ filename, attrs }) => ({
                  name: filename,
                  size: attrs.size,
                  isFolder: attrs.isDirectory(),
                  lastModified: attrs.mtime * 1000,
                }))
            } catch (error) {
              if (statusOf(error) === NO_SUCH_FILE) return []
              throw error
            }
          },
          (key, { size, lastModified }) => storedFile({ key, size, lastModified }, content(key, 0)),
        ),
      ),
  }
}
