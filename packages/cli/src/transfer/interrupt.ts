/** Ctrl-C and the like: the first one pauses, the second one does not wait. */
import { EXIT } from '../exit.ts'

/** One Ctrl-C may arrive twice: from the terminal and from a process above. */
const SAME_SIGNAL_MS = 500

export interface Interrupt {
  readonly signal: AbortSignal
  /** Signals have their usual effect again. */
  stop(): void
}

export function onInterrupt(): Interrupt {
  const controller = new AbortController()
  let firstAt: number | undefined
  const obey = () => {
    if (firstAt === undefined) {
      firstAt = Date.now()
      controller.abort()
    } else if (Date.now() - firstAt > SAME_SIGNAL_MS) {
      process.exit(EXIT.interrupted)
    }
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, obey)
  return {
    signal: controller.signal,
    stop: () => {
      for (const signal of signals) process.off(signal, obey)
    },
  }
}
