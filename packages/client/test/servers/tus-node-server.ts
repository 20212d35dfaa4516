/** The tus project's own server with its file store, on a free port of the loopback. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FileStore } from '@tus/file-store'
import { Server } from '@tus/server'

export interface TusServer {
  readonly endpoint: string
  /** Every request that arrived, as `METHOD path`. */
  readonly requests: string[]
  read(url: string): Promise<Uint8Array | undefined>
  /** The file that holds an upload's bytes. */
  path(url: string): string
  /** Uploads whose offset is below their length. */
  unfinished(): Promise<number>
  close(): Promise<void>
}

export async function startTusServer(): Promise<TusServer> {
  const directory = await mkdtemp(join(tmpdir(), 'pawl-tus-'))
  const server = new Server({ path: '/files', datastore: new FileStore({ directory }) })
  const requests: string[] = []
  const http = createServer({ keepAliveTimeout: 75_000 }, (request, response) => {
    requests.push(`${request.method} ${request.url}`)
    server.handle(request, response)
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const { port } = http.address() as AddressInfo
  const path = (url: string) => join(directory, new URL(url).pathname.split('/').at(-1) ?? '')
  return {
    endpoint: `http://127.0.0.1:${port}/files`,
    requests,
    read: (url) => readFile(path(url)),
    path,
    unfinished: async () => {
      let count = 0
      for (const name of await readdir(directory)) {
        if (!name.endsWith('.json')) continue
        const { size } = JSON.parse(await readFile(join(directory, name), 'utf8'))
        const bytes = await readFile(join(directory, name.slice(0, -5)))
        if (bytes.length < size) count++
      }
      return count
    },
    close: async () => {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
      await rm(directory, { recursive: true, force: true })
    },
  }
}
