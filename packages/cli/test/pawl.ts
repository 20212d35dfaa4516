/** The command line as a process, with a state folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { serverEnv } from '../../server/test/process.ts'

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Waits until stdout or stderr shows it. */
  shows(pattern: RegExp): Promise<RegExpExecArray>
}

export interface Desk {
  readonly folder: string
  /** Where sessions are. */
  readonly sessions: string
  start(args: readonly string[], env?: Readonly<Record<string, string>>): Running
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended>
  /** A file of random bytes below the folder. */
  file(name: string, size: number): Promise<{ path: string; digest: string; bytes: Buffer }>
  /** Ids of the sessions that are kept. */
  kept(): Promise<string[]>
}

const script = join(import.meta.dirname, '../src/main.ts')
const PATIENCE_MS = 20_000

/** To be called once in a test file. */
export function setDesk(): Desk {
  let folder = ''
  const running = new Set<ChildProcess>()
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pawl-cli-'))
  })
  afterAll(async () => {
    for (const child of running) child.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  })
  const sessions = () => join(folder, 'state/pawl/sessions')

  const start = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Running => {
    const child = spawn(process.execPath, [script, ...args], {
      cwd: folder,
      env: { ...serverEnv(), XDG_STATE_HOME: join(folder, 'state'), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    running.add(child)
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString()
    })
    const ended = once(child, 'close').then(([code]): Ended => {
      running.delete(child)
      return { code: typeof code === 'number' ? code : null, stdout, stderr }
    })
    return {
      child,
      ended,
      async shows(pattern) {
        const deadline = Date.now() + PATIENCE_MS
        for (;;) {
          const match = pattern.exec(stdout + stderr)
          if (match !== null) return match
          if (Date.now() > deadline || child.exitCode !== null || child.signalCode !== null)
            throw new Error(`${pattern} was not shown:\n${stdout}\n${stderr}`)
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      },
    }
  }
  return {
    get folder() {
      return folder
    },
    get sessions() {
      return sessions()
    },
    start,
    run: (args, env) => start(args, env).ended,
    async file(name, size) {
      const path = join(folder, name)
      await mkdir(dirname(path), { recursive: true })
      const bytes = randomBytes(size)
      await writeFile(path, bytes)
      return { path, digest: digestOf(bytes), bytes }
    },
    async kept() {
      const names = await readdir(sessions()).catch(() => [])
      return names.filter((name) => name.endsWith('.json')).map((name) => name.replace('.json', ''))
    },
  }
}

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Of what a URL gives. */
export async function digestAt(url: string): Promise<string> {
  if (url.startsWith('file:')) return digestOf(await readFile(new URL(url)))
  const response = await fetch(url)
  if (!response.ok) throw new Error(`GET ${url} answers ${response.status}`)
  return digestOf(new Uint8Array(await response.arrayBuffer()))
}

/** Each line of an output, without the empty one at its end. */
export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}
