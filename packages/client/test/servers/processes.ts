/** Starting and ending servers that are programs of their own. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
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

/** A program that runs until it is ended. Its output goes to a file. */
export function start(
  program: string,
  args: readonly string[],
  log: string,
  env: Record<string, string> = {},
): ChildProcess {
  const output = openSync(log, 'a')
  return spawn(program, args, { stdio: ['ignore', output, output], env: { ...process.env, ...env } })
}

export async function end(children: readonly ChildProcess[]): Promise<void> {
  await Promise.all(
    children.map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await ended
    }),
  )
}

/** Waits until a check succeeds. */
export async function until(what: string, check: () => Promise<boolean>, seconds = 60): Promise<void> {
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline; ) {
    if (await check().catch(() => false)) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`${what} did not come up within ${seconds} s`)
}
