/** A contestant as a process of its own, on a fresh data folder. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Contestant } from './contestant.ts'

export interface ServerProcess {
  readonly port: number
  readonly pid: number
  /** What it wrote since it listens; shown when a measurement fails. */
  readonly output: () => string
  stop(): Promise<void>
}

const START_MS = 30_000
const STOP_MS = 15_000
const OUTPUT_KEPT = 20_000

/**
 * @param profileDir - writes a CPU profile of every thread there when it stops
 * @param loopFile - where a Node program tells the delay of its event loop, at SIGUSR2
 */
export async function startServer(
  contestant: Contestant,
  dataDir: string,
  profileDir: string | undefined,
  loopFile?: string,
): Promise<ServerProcess> {
  const profiler = profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`]
  const loop = loopFile === undefined ? [] : ['--import', join(import.meta.dirname, '../load/loop-delay.ts')]
  const { program } = contestant
  const args = [...(program === undefined ? [...profiler, ...loop] : []), ...contestant.command(dataDir)]
  const child = spawn(program ?? process.execPath, args, {
    env: {
      ...withoutSettings(process.env),
      ...contestant.env,
      ...(loopFile === undefined ? {} : { BENCH_LOOP_FILE: loopFile }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // Nothing outlives the benchmark, however it ends.
  const killNow = (): void => void child.kill('SIGKILL')
  process.once('exit', killNow)
  child.once('exit', () => process.off('exit', killNow))

  let output = ''
  const port = await new Promise<number>((resolve, reject) => {
    const fail = (how: string): void => {
      child.kill('SIGKILL')
      reject(new Error(`${contestant.name} ${how}:\n${output}`))
    }
    const timer = setTimeout(() => fail('did not start'), START_MS)
    const read = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-OUTPUT_KEPT)
      const line = output.split('\n').find((text) => text.startsWith('{') && text.includes('"listening"'))
      const match = line === undefined ? null : /"url":"http:\/\/[^"]*:(\d+)"/.exec(line)
      if (match === null) return
      clearTimeout(timer)
      // How it greets is of no interest once it runs.
      output = ''
      resolve(Number(match[1]))
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.once('error', (error) => fail(`could not be started (${error.message})`))
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      fail(`ended with ${signal ?? code}`)
    })
  })
  return {
    port,
    pid: child.pid ?? 0,
    output: () => output,
    // A profile is written only by a process that ends by itself; otherwise there is no reason to wait.
    stop: () => end(child, profileDir === undefined ? 'SIGKILL' : 'SIGTERM'),
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await exited
  clearTimeout(timer)
}

/** Settings of the person who runs the benchmark must not change what is measured. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ours = /^(PAWL_|DEBUG$|NODE_OPTIONS$|UV_THREADPOOL_SIZE$)/
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ours.test(name)))
}
