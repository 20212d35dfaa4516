/** The load generator, seen from the process that runs the benchmark. */
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { Measurement, Scale, Target } from './workloads/workload.ts'

export interface ClientRequest {
  readonly workload: string
  readonly target: Target
  readonly scale: Scale
}

export type ClientReply =
  | { readonly kind: 'measured'; readonly measurement: Measurement }
  | { readonly kind: 'failed'; readonly message: string }

/** More than most workloads take on a slow machine; a server that hangs must not hang the benchmark. */
const LIMIT_MINUTES = 3

/**
 * One process for the whole run, so that its code is as warm for one server as for the other; a new one after
 * a measurement that did not come to an end.
 */
export class ClientProcess {
  #child: ChildProcess | undefined

  /** @throws Error when a verification failed, or it took too long */
  measure(request: ClientRequest, limitMinutes = LIMIT_MINUTES): Promise<Measurement> {
    this.#child ??= fork(join(import.meta.dirname, 'client.ts'), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    const child = this.#child
    return new Promise<ClientReply>((resolve) => {
      const fail = (message: string): void => {
        this.close()
        resolve({ kind: 'failed', message })
      }
      const timer = setTimeout(() => fail(`no result within ${limitMinutes} min`), limitMinutes * 60_000)
      const onExit = (): void => fail('the load generator ended')
      child.once('exit', onExit)
      child.once('message', (reply: ClientReply) => {
        clearTimeout(timer)
        child.off('exit', onExit)
        resolve(reply)
      })
      child.send(request)
    }).then((reply) => {
      if (reply.kind === 'failed') throw new Error(reply.message)
      return reply.measurement
    })
  }

  close(): void {
    this.#child?.removeAllListeners()
    this.#child?.kill('SIGKILL')
    this.#child = undefined
  }
}
