/** Pawl's own server as a process of its own, in development mode on a free port. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { end } from '@pawl/emulators/processes'

export interface PawlServer {
  readonly endpoint: string
  /** URL of the storage face, which has the buckets `photos` (public) and `documents`. */
  readonly storage: string
  /** The key of the operator. */
  readonly serviceKey: string
  /** Ends the process with `kill -9` and starts another on the same port and data. */
  restart(): Promise<void>
  close(): Promise<void>
}

const main = process.env.PAWL_TEST_SERVER ?? join(import.meta.dirname, '../../../server/src/main.ts')

export async function startPawl(): Promise<PawlServer> {
  const data = await mkdtemp(join(tmpdir(), 'pawl-server-'))
  let port = '0'
  const launch = async () => {
    const child = spawn(process.execPath, [main], {
      env: { ...process.env, PAWL_DEV: 'true', PAWL_PORT: port, PAWL_DATA: data, PAWL_LOG: 'error' },
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    })
    const greeting = /Endpoint\s+(\S+)\s+Storage\s+(\S+)[\s\S]+service key\s+(\S+)\s/
    const [endpoint, storage, serviceKey] = await new Promise<string[]>((resolve, reject) => {
      let said = ''
      child.stdout.on('data', (chunk) => {
        said += chunk
        const found = greeting.exec(said)
        if (found) resolve(found.slice(1))
      })
      child.once('exit', () => reject(new Error(`Pawl did not start: ${said}`)))
    })
    port = new URL(endpoint ?? '').port
    return { child, endpoint: endpoint ?? '', storage: storage ?? '', serviceKey: serviceKey ?? '' }
  }
  let running = await launch()
  return {
    endpoint: running.endpoint,
    storage: running.storage,
    serviceKey: running.serviceKey,
    restart: async () => {
      await end([running.child])
      running = await launch()
    },
    close: async () => {
      await end([running.child])
      await rm(data, { recursive: true, force: true })
    },
  }
}
