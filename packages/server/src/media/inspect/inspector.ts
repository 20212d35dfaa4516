/** Looks at media in a process of its own, within bounds of time and memory that hold from outside. */
import { type ChildProcess, fork } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'
import {
  type FromInspector,
  type Inspection,
  type InspectionRequest,
  inspectionFrom,
  type ToInspector,
} from './inspection.ts'

export interface MediaSource extends InspectionRequest {
  /** Bytes `start` to `end`, exclusive. */
  read(start: number, end: number): Promise<Uint8Array>
}

/** Looking did not come to a result, through no fault of the file. */
export class InspectorError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'InspectorError'
  }
}

export interface InspectorLimits {
  /** Milliseconds one file may take. */
  readonly time: number
  /** Bytes the process may hold. */
  readonly memory: number
}

const LIMITS: InspectorLimits = { time: 20_000, memory: 512 * 1024 * 1024 }
/** Of V8's own heap. */
const HEAP_MB = 256
const WATCH_MS = 50
/** Bytes in one answer to a parser. */
const MAX_READ = 64 * 1024 * 1024
const START_MS = 15_000
/** A process that nobody needs goes. */
const IDLE_MS = 30_000
/** Not nice to anything else: uploads go first. */
const PRIORITY = 10

type End = { readonly kind: 'over'; readonly what: string } | { readonly kind: 'died'; readonly how: string }

export class Inspector {
  readonly #limits: InspectorLimits
  #child: ChildProcess | undefined
  #idle: NodeJS.Timeout | undefined
  #closed = false

  constructor(limits: InspectorLimits = LIMITS) {
    this.#limits = limits
  }

  /** One call at a time. @throws InspectorError, and what `source.read` throws */
  async inspect(source: MediaSource): Promise<Inspection> {
    // A process can be killed for reasons of the machine: only what kills two of them is to blame.
    const first = await this.#attempt(source)
    const end = 'mediaType' in first || first.kind === 'over' ? first : await this.#attempt(source)
    if ('mediaType' in end) return end
    const description = end.kind === 'over' ? end.what : `its parser died: ${end.how}`
    return { kind: 'bad', mediaType: 'UNKNOWN', failure: { code: 'PROCESSING_LIMIT_EXCEEDED', description } }
  }

  close(): void {
    this.#closed = true
    this.#stop()
  }

  async #attempt(source: MediaSource): Promise<Inspection | End> {
    clearTimeout(this.#idle)
    const child = this.#child ?? (await this.#start())
    child.ref()
    child.channel?.ref()
    const { promise, resolve, reject } = Promise.withResolvers<Inspection | End>()
    const over = (what: string): void => {
      resolve({ kind: 'over', what })
      this.#stop()
    }
    const send = (message: ToInspector): void =>
      void child.send(message, (error) => error && resolve({ kind: 'died', how: error.message }))
    const died = (how: string): void => {
      resolve({ kind: 'died', how })
      this.#stop()
    }
    const onMessage = (message: FromInspector): void => {
      if (message.kind === 'broken') died(message.message)
      else if (message.kind === 'done') {
        const inspection = inspectionFrom(message.inspection)
        if (inspection === undefined) died('it said what makes no sense')
        else resolve(inspection)
      } else if (message.kind === 'read') {
        const { start, end } = message
        if (!isReadable(source, start, end)) died('it asked for what no file has')
        else source.read(start, end).then((bytes) => send({ kind: 'bytes', bytes }), reject)
      }
    }
    const onExit = (code: number | null, signal: string | null): void =>
      resolve({ kind: 'died', how: signal ?? `exit code ${code}` })
    const timer = setTimeout(() => over('looking at it takes too long'), this.#limits.time)
    const watch = setInterval(() => {
      void residentBytes(child).then((held) => {
        if (held > this.#limits.memory) over('looking at it takes too much memory')
      })
    }, WATCH_MS)
    child.on('message', onMessage)
    child.once('exit', onExit)
    try {
      const { size, declaredType } = source
      send({ kind: 'inspect', request: { size, declaredType } })
      return await promise
    } catch (error) {
      // It waits for bytes that will not come.
      this.#stop()
      throw error
    } finally {
      clearTimeout(timer)
      clearInterval(watch)
      child.off('message', onMessage)
      child.off('exit', onExit)
      child.unref()
      child.channel?.unref()
      this.#idle = setTimeout(() => this.#stop(), IDLE_MS).unref()
    }
  }

  async #start(): Promise<ChildProcess> {
    if (this.#closed) throw new InspectorError('the server is closing')
    const child = fork(fileURLToPath(new URL('./inspect-worker.ts', import.meta.url)), {
      // No secret of the server's environment, no file to write, nothing to start.
      env: {},
      execArgv: [`--max-old-space-size=${HEAP_MB}`, '--permission', '--allow-fs-read=*', '--allow-addons'],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    this.#child = child
    // A send to a process that is gone is told there; without a listener it would end the server.
    child.on('error', () => {})
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined
    })
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const failed = (): void => reject(new InspectorError('no process that looks at media could be started'))
    const timer = setTimeout(failed, START_MS)
    child.once('message', () => resolve())
    child.once('exit', failed)
    child.once('error', failed)
    try {
      await promise
      if (child.pid !== undefined) setPriority(child.pid, PRIORITY)
    } catch (error) {
      this.#stop()
      throw error instanceof InspectorError ? error : new InspectorError('it ended at once', error)
    } finally {
      clearTimeout(timer)
      child.off('exit', failed)
    }
    return child
  }

  #stop(): void {
    clearTimeout(this.#idle)
    this.#child?.kill('SIGKILL')
    this.#child = undefined
  }
}

/** As much as any parser asks for at a time, and nothing but bytes of the file. */
function isReadable({ size }: MediaSource, start: number, end: number): boolean {
  const whole = Number.isSafeInteger(start) && Number.isSafeInteger(end)
  return whole && 0 <= start && start < end && end <= size && end - start <= MAX_READ
}

/** 0 where the system does not tell: V8's own limit and the time hold there too. */
async function residentBytes({ pid }: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024
}
