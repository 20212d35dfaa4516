/** What is told about transfers while they run. One reporter per run: bars, lines or JSON. */
import type { FilesError, UploadControl, UploadResult } from 'pawl'

/** One file on its way. */
export interface Row {
  readonly id: string
  /** As it is shown: the key below the destination. */
  readonly name: string
  readonly file: string
  /** URL of the object; for tus the endpoint. */
  readonly destination: string
  /** Bytes. */
  readonly size: number
  /** Bytes that an earlier process had sent. */
  readonly before: number
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly control: Pick<UploadControl, 'loaded' | 'sent' | 'speed' | 'eta' | 'phase'>
}

interface Retry {
  readonly attempt: number
  readonly delayMs: number
  readonly error: FilesError
}

export interface Summary {
  /** Files that arrived. */
  readonly done: number
  readonly failed: number
  /** Interrupted or failed, with a session to go on with. */
  readonly resumable: readonly string[]
  readonly interrupted: boolean
}

export interface Reporter {
  begin(row: Row): void
  progress(row: Row): void
  retry(row: Row, retry: Retry): void
  /** @param url Where the object is. */
  done(row: Row, result: UploadResult, url: string): void
  failed(row: Row, error: FilesError, resumable: boolean): void
  paused(row: Row): void
  /** Something besides a single file, for people. */
  note(text: string): void
  end(summary: Summary): void
}

/** How to go on, for the end of a run; nothing when there is nothing to go on with. */
export function advice({ resumable, interrupted }: Summary): string | undefined {
  if (resumable.length === 0) return interrupted ? 'Interrupted; there is nothing to go on with.' : undefined
  const command = resumable.length === 1 ? `pawl resume ${resumable[0]}` : 'pawl resume'
  return `${interrupted ? 'Paused. ' : ''}To go on: ${command}`
}
