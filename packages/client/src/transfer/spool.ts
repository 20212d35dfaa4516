/** A stream made re-readable through a temp file. */
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before } from './before.ts'
import { ofHandle } from './file-handle.ts'
import type { RereadableBody } from './source.ts'

export interface SpoolOptions {
  /** Where the temp file goes. Default: the system's folder for them. */
  readonly directory?: string
  readonly type?: string
  readonly signal?: AbortSignal
}

export interface SpooledBody extends RereadableBody, AsyncDisposable {}

/**
 * Writes the stream to a temp file (mode 0600) that ends with the body's disposal, or with the process.
 *
 * @example
 * await using body = await spool(request.body)
 * await files.upload('dump.sql', body)
 */
export async function spool(
  stream: AsyncIterable<Uint8Array>,
  { directory = tmpdir(), type, signal }: SpoolOptions = {},
): Promise<SpooledBody> {
  const folder = await mkdtemp(join(directory, 'pawl-spool-'))
  const path = join(folder, 'body')
  const handle = await open(path, 'wx+', 0o600)
  const dispose = async () => {
    await handle.close()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    // A file without a name is gone when the process ends, however it ends. Where that is refused, disposing removes it.
    if (process.platform !== 'win32') await rm(folder, { recursive: true })
    for await (const chunk of signal ? until(stream, signal) : stream) {
      for (let rest = chunk; rest.length > 0; ) {
        const { bytesWritten } = await handle.write(rest)
        rest = rest.subarray(bytesWritten)
      }
    }
    const source = await ofHandle(handle)
    return {
      size: source.size,
      ...(type === undefined ? {} : { type }),
      slice: (start, end) => source.read(start, end),
      [Symbol.asyncDispose]: dispose,
    }
  } catch (error) {
    await dispose()
    throw error
  }
}

/** The stream, until the signal ends it: also one that stalls. */
async function* until(stream: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const chunks = stream[Symbol.asyncIterator]()
  try {
    for (;;) {
      const { done, value } = await before(chunks.next(), signal)
      if (done) return
      yield value
    }
  } finally {
    // Not awaited: one that stalls ends only after its next chunk.
    chunks.return?.().catch(() => {})
  }
}
