import type { FileHandleLike, Source } from './source.ts'

/** A source over an open file. `close` is not given: who opened it closes it. */
export async function ofHandle(handle: FileHandleLike): Promise<Source> {
  const { size, mtimeMs } = await handle.stat()
  const readInto = async (buffer: Uint8Array<ArrayBuffer>, start: number) => {
    let filled = 0
    while (filled < buffer.length) {
      const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, start + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return filled
  }
  return {
    size,
    lastModified: Math.floor(mtimeMs),
    readInto,
    read: async (start, end) => {
      const buffer = new Uint8Array(end - start)
      return buffer.subarray(0, await readInto(buffer, start))
    },
  }
}
