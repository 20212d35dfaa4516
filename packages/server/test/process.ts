/** A real server process for tests: started, killed and started again on the same data and port. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export interface PawlOptions {
  /** Kept by the caller; otherwise a temporary one that `stop` removes. */
  readonly dataDir?: string
  /** More settings, such as `{ PAWL_UPLOAD_TTL: '2s' }`; PAWL_DEV is on unless set otherwise. */
  readonly env?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
  /** Where it runs and finds its config file; the repository unless given. */
  readonly cwd?: string
  /** Also build and serve the page. */
  readonly page?: boolean
}

export interface Pawl {
  /** Without a slash at the end; the same after `restart`. */
  readonly url: string
  readonly port: number
  readonly dataDir: string
  /** Of the process that runs now. */
  readonly pid: number
  /** What the process wrote so far, both streams. */
  readonly output: string
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** SIGTERM or the given signal; resolves to the exit code. */
  terminate(signal?: NodeJS.Signals): Promise<number | null>
  /** A new process on the same data and port. */
  restart(env?: Readonly<Record<string, string>>): Promise<void>
  /** Ends it if it still runs and removes a temporary data folder. */
  stop(): Promise<void>
}

const root = fileURLToPath(new URL('../../..', import.meta.url))
const START_MS = 60_000

/** What runs a server, without the page: as it is published where `npm test` has built it, otherwise the sources. */
export const mainScript = process.env.PAWL_TEST_SERVER ?? join(root, 'packages/server/src/main.ts')

/** What `check --digests` prints of a data folder that no server uses. */
export async function checked(dataDir: string): Promise<string> {
  const script = join(dirname(mainScript), `check${extname(mainScript)}`)
  const { stdout } = await promisify(execFile)(process.execPath, [script, '--data', dataDir, '--digests'], {
    env: serverEnv(),
  })
  return stdout
}

export async function startPawl(options: PawlOptions = {}): Promise<Pawl> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'pawl-test-')))
  const port = await freePort()
  const script = options.page === true ? join(root, 'scripts/start.ts') : mainScript
  let child: ChildProcess | undefined
  let output = ''

  const start = async (more: Readonly<Record<string, string>> = {}): Promise<void> => {
    const args = [script, '--port', String(port), '--data', dataDir, ...(options.args ?? [])]
    const started = spawn(process.execPath, args, {
      cwd: options.cwd ?? root,
      env: { ...serverEnv(), PAWL_DEV: '1', ...options.env, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child = started
    // A test that was given up leaves nothing running behind.
    const end = (): void => void started.kill('SIGKILL')
    process.once('exit', end)
    started.once('exit', () => process.off('exit', end))
    const from = output.length
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`the server did not start:\n${output.slice(from)}`)),
        START_MS,
      )
      const read = (chunk: Buffer): void => {
        output += chunk.toString()
        if (!output.slice(from).includes('"listening"')) return
        clearTimeout(timer)
        resolve()
      }
      started.stdout?.on('data', read)
      started.stderr?.on('data', read)
      started.once('exit', (code) => {
        clearTimeout(timer)
        reject(new Error(`the server ended with ${code}:\n${output.slice(from)}`))
      })
    })
  }
  const running = (): ChildProcess | undefined =>
    child !== undefined && child.exitCode === null && child.signalCode === null ? child : undefined
  const signal = async (name: NodeJS.Signals): Promise<number | null> => {
    const current = running()
    if (current === undefined) return child?.exitCode ?? null
    const exited = once(current, 'exit')
    current.kill(name)
    const [code] = await exited
    return typeof code === 'number' ? code : null
  }

  await start()
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    dataDir,
    get pid() {
      return child?.pid ?? 0
    },
    get output() {
      return output
    },
    kill: async () => void (await signal('SIGKILL')),
    terminate: (name = 'SIGTERM') => signal(name),
    restart: start,
    async stop() {
      await signal('SIGKILL')
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** A port that nobody listens on: a restarted server must come back at the same address. */
export async function freePort(): Promise<number> {
  const probe = createServer()
  probe.listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port was bound')
  return address.port
}

/** The environment of a server under test: no setting of whoever runs the tests. */
export function serverEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PAWL_')))
}
