/** Pawl's own server as a process of its own, in development mode on a free port. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { end } from './processes.ts'

export interface PawlServer {
  readonly endpoint: string
  /** May do everything. */
  readonly serviceKey: string
  /** Ends the process with `kill -9` and starts another on the same port and data. */
  restart(): Promise<void>
  close(): Promise<void>
}

const main = join(import.meta.dirname, '../../../server/src/main.ts')

export async function startPawl(): Promise<PawlServer> {
  const data = await mkdtemp(join(tmpdir(), 'pawl-server-'))
  let port = '0'
  const launch = async () => {
    const child = spawn(process.execPath, [main], {
      env: { ...process.env, PAWL_DEV: 'true', PAWL_PORT: port, PAWL_DATA: data, PAWL_LOG: 'error' },
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    })
    const { url, serviceKey } = await new Promise<{ url: string; serviceKey: string }>((resolve, reject) => {
      let said = ''
      child.stdout.on('data', (chunk) => {
        said += chunk
        const found = /Endpoint\s+(\S+)/.exec(said)?.[1]
        const key = /service key\s+(\S+)\s/.exec(said)?.[1]
        if (found && key) resolve({ url: found, serviceKey: key })
      })
      child.once('exit', () => reject(new Error(`Pawl did not start: ${said}`)))
    })
    port = new URL(url).port
    return { child, url, serviceKey }
  }
  let running = await launch()
  return {
    endpoint: running.url,
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
