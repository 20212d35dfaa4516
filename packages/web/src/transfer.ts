import { attempt } from './attempt.ts'
import { type Context, discard, inspect } from './remote.ts'
import type { Tell, Transfer, Uploader } from './uploader.ts'
import { backoff, unreachable } from './verdict.ts'

/**
 * Sends files by tus-js-client. The library makes each attempt; when to try again is decided here, because on its
 * own it gives up after a list of delays and starts from zero after most errors of the resuming HEAD.
 */

export function createUploader(context: Context): Uploader {
  return {
    start: (file, fingerprint, tell) => startTransfer(context, file, fingerprint, tell),
    inspect: (fingerprint) => inspect(context, fingerprint),
    discard: (fingerprint) => discard(context, fingerprint),
  }
}

function startTransfer(context: Context, file: File, fingerprint: string, tell: Tell): Transfer {
  const stopping = new AbortController()
  const nudge = createNudge()
  const run = async () => {
    let failures = 0
    let best = 0
    while (!stopping.signal.aborted) {
      tell({ kind: 'connecting' })
      const result = await attempt(context, file, fingerprint, stopping.signal, tell)
      if (result.kind === 'stopped') return
      if (result.kind === 'done') return tell(result)
      // Only what the server confirms counts as progress: bytes poured into a dead end must not shorten the waits.
      failures = result.accepted > best ? 1 : failures + 1
      best = Math.max(best, result.accepted)
      const { verdict } = result
      if (verdict.kind === 'key') return tell({ kind: 'key', words: verdict.words })
      if (verdict.kind === 'refused') return tell({ kind: 'failed', words: verdict.words })
      // A file that changed or vanished on disk looks like a broken connection: ask the file itself.
      if (!(await isReadable(file))) return tell({ kind: 'failed', words: unreadable })
      if (stopping.signal.aborted) return
      const atLeast = verdict.kind === 'wait' ? verdict.atLeast : 0
      const delay = Math.max(atLeast, backoff(failures, Math.random()))
      const words = verdict.kind === 'wait' ? verdict.words : unreachable.words
      tell({
        kind: 'holding',
        words: navigator.onLine ? words : 'You are offline',
        until: Date.now() + delay,
      })
      await nudge.sleep(delay, stopping.signal)
    }
  }
  const ended = run()
  return {
    hurry: nudge.wake,
    stop() {
      stopping.abort()
      return ended
    },
  }
}

const unreadable = 'The file has changed or cannot be read any more. Choose it again.'

async function isReadable(file: File): Promise<boolean> {
  try {
    await file.slice(0, 1).arrayBuffer()
    return true
  } catch {
    return false
  }
}

/** A sleep that can be cut short: by the user, by the network coming back, by stopping. */
function createNudge() {
  let wakeUp = () => {}
  return {
    wake: () => wakeUp(),
    sleep(delay: number, stop: AbortSignal): Promise<void> {
      return new Promise((resolve) => {
        const done = () => {
          clearTimeout(timer)
          stop.removeEventListener('abort', done)
          removeEventListener('online', done)
          resolve()
        }
        const timer = setTimeout(done, delay)
        wakeUp = done
        stop.addEventListener('abort', done)
        addEventListener('online', done)
      })
    },
  }
}
