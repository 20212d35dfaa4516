/** Frees the buffers of sockets that were read before V8 thinks of it, and keeps their memory for the next ones. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Half of what is kept at the end of the heap; that is as much as passes between two collections. */
const BLOCK = 4 * 1024 * 1024

/**
 * Node reads sockets into a fresh buffer outside of the heap each time, up to 64 KiB. They are garbage as soon as
 * they are written, but V8 sees only how small their handles are: it collects when tens of MiB have gathered, and
 * then marks the whole heap. A collection of the young generation alone frees them in a fraction of a
 * millisecond; it has to be asked for.
 *
 * For a process of our own only: what embeds the server decides for itself.
 * @returns collects young garbage; nothing where V8 does not offer it
 */
export function bufferFreer(): () => void {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext("typeof gc === 'function' ? gc : undefined")
  if (typeof collect !== 'function') return () => {}
  const free = (): void => void collect({ type: 'minor' })
  keepFreedMemory(free)
  return free
}

/**
 * glibc gives memory back to the kernel once 128 KiB at the end of its heap are free, and each buffer made after
 * that takes its pages anew, one fault per 4 KiB: half of the time of a large upload. When a block that was mapped
 * by itself is freed, glibc raises the limit to twice its size; its pages are never touched. Other allocators only
 * see a block come and go.
 * Source: mallopt(3), M_MMAP_THRESHOLD (dynamic adjustment) and M_TRIM_THRESHOLD.
 */
function keepFreedMemory(free: () => void): void {
  Buffer.allocUnsafeSlow(BLOCK)
  free()
}
