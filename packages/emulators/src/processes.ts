/** Starting and ending servers that are programs of their own. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:net'
import { promisify } from 'node:util'

export const run = promisify(execFile)

/** Whether every program is installed. With `CI=true` a missing one is an error: nothing is skipped in silence. */
export async function installed(...programs: string[]): Promise<boolean> {
  for (const program of programs) {
    try {
      await run('which', [program])
    } catch {
      if (process.env.CI === 'true') throw new Error(`${program} is not installed`)
      return false
    }
  }
  return true
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

const running = new Set<ChildProcess>()

/**
 * A program that runs until it is ended, with whatever it starts: it leads a process group of its own. Its
 * output goes to a file.
 */
export function start(
  program: string,
  args: readonly string[],
  log: string,
  env: Record<string, string> = {},
  user: { readonly uid?: number; readonly gid?: number } = {},
): ChildProcess {
  const output = openSync(log, 'a')
  const child = spawn(program, args, {
    stdio: ['ignore', output, output],
    env: { ...process.env, ...env },
    detached: true,
    ...user,
  })
  closeSync(output)
  // When the tests are ended before they could end their servers, nothing may stay behind.
  if (running.size === 0) process.once('exit', () => running.forEach(kill))
  running.add(child)
  return child
}

/** Ends programs and their children. */
export async function end(children: readonly ChildProcess[]): Promise<void> {
  await Promise.all(
    children.map(async (child) => {
      running.delete(child)
      const over = child.exitCode !== null || child.signalCode !== null
      const ended = over ? Promise.resolve() : new Promise((resolve) => child.once('exit', resolve))
      kill(child)
      await ended
    }),
  )
}

/** Kills the whole group: some servers leave their workers behind when only they are killed. */
function kill({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nobody of the group is left.
  }
}

/** Waits until a check succeeds. */
export async function until(what: string, check: () => Promise<boolean>, seconds = 60): Promise<void> {
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline; ) {
    if (await check().catch(() => false)) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`${what} did not come up within ${seconds} s`)
}

/** Whether a server greets on a port. */
export function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('data', () => {
      resolve(true)
      socket.destroy()
    })
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
  })
}
