/** A Postgres of a test's own: Debian's binaries, a private data folder, a socket in it and no port. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'

/** The folder of `postgres` and `initdb`; tests skip without it. */
export const POSTGRES_BIN = process.env.PAWL_TEST_POSTGRES?.replace(/\/postgres$/, '')

export interface PostgresServer {
  /** Of a database that is there. */
  readonly url: string
  /** A connection of one's own, to look or to break something. */
  connect(): Promise<pg.Client>
  /** `immediate` is a crash: nothing is written down any more. */
  stop(how: 'fast' | 'immediate'): Promise<void>
  start(): Promise<void>
  close(): Promise<void>
}

export async function startPostgres(): Promise<PostgresServer> {
  if (POSTGRES_BIN === undefined) throw new Error('PAWL_TEST_POSTGRES is not set')
  const bin = POSTGRES_BIN
  // Postgres refuses to run as root.
  const as = process.getuid?.() === 0 ? await idsOf('nobody') : {}
  const folder = await mkdtemp(join(tmpdir(), 'pawl-pg-'))
  if (as.uid !== undefined) await chown(folder, as.uid, as.gid ?? as.uid)
  const data = join(folder, 'data')
  const env = { ...process.env, LC_ALL: 'C' }
  await promisify(execFile)(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'pawl', '--auth=trust', '--encoding=UTF8', '--no-sync', '--no-instructions'],
    { ...as, env, cwd: folder },
  )
  const url = `postgres://pawl@localhost/postgres?host=${encodeURIComponent(folder)}`
  let running: ChildProcess | undefined

  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: url })
    // Who stops the server expects that.
    client.on('error', () => {})
    await client.connect()
    return client
  }
  const start = async (): Promise<void> => {
    const settings = [
      'listen_addresses=',
      'shared_buffers=16MB',
      'max_connections=200',
      // The machine survives its tests.
      'fsync=off',
      'full_page_writes=off',
    ]
    const child = spawn(
      join(bin, 'postgres'),
      ['-D', data, '-k', folder, ...settings.flatMap((setting) => ['-c', setting])],
      { ...as, env, cwd: folder, stdio: 'ignore' },
    )
    running = child
    for (;;) {
      if (child.exitCode !== null) throw new Error(`postgres ended with ${child.exitCode}`)
      try {
        return await (await connect()).end()
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  }
  const stop = async (how: 'fast' | 'immediate'): Promise<void> => {
    const child = running
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill(how === 'fast' ? 'SIGINT' : 'SIGQUIT')
    await exited
    running = undefined
  }
  await start()
  return {
    url,
    connect,
    stop,
    start,
    async close() {
      await stop('immediate')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function idsOf(user: string): Promise<{ uid?: number; gid?: number }> {
  const id = async (flag: string): Promise<number> =>
    Number((await promisify(execFile)('id', [flag, user])).stdout)
  return { uid: await id('-u'), gid: await id('-g') }
}
