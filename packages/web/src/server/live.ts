/** Events of the server as they happen. `EventSource` cannot carry a key, so the stream is read by `fetch`. */
import { ask } from './api.ts'
import { eventLines } from './event-lines.ts'

export interface LiveEvent {
  readonly id: string
  readonly type: string
  readonly timestamp: string
  readonly data: Readonly<Record<string, unknown>>
}

/** Milliseconds until a stream that ended is asked for again. */
const AGAIN = 3000

/** Calls for every event until `signal`, over as many streams as it takes; `onLive` tells whether one is open. */
export async function listen(
  signal: AbortSignal,
  onEvent: (event: LiveEvent) => void,
  onLive: (live: boolean) => void,
): Promise<void> {
  while (!signal.aborted) {
    await readStream(signal, onEvent, onLive).catch(() => {})
    if (signal.aborted) return
    onLive(false)
    await new Promise((resolve) => setTimeout(resolve, AGAIN))
  }
}

async function readStream(
  signal: AbortSignal,
  onEvent: (event: LiveEvent) => void,
  onLive: (live: boolean) => void,
): Promise<void> {
  const { body } = await ask('admin/events/stream', { signal })
  if (body === null) return
  const lines = eventLines()
  onLive(true)
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    for (const data of lines(value)) onEvent(JSON.parse(data) as LiveEvent)
  }
}
