/**
 * V8's heap as a server needs it, in a process of our own only: what embeds the server decides for itself. Set up in
 * the process, not on its command line, so that every way to start it has it.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Half of what is kept at the end of the heap; that is as much as passes between two collections. */
const BLOCK = 4 * 1024 * 1024

/** @returns frees what buffers leave, before V8 thinks of it; nothing where V8 does not offer it */
export function tuneHeap(): () => void {
  keepYoung()
  const free = youngCollector()
  keepFreedMemory(free)
  return free
}

/**
 * V8 makes what comes from a place of the program whose objects lived long among the old objects at once. All that is
 * under way outlives a collection when it waits for the disk, so some of the objects of every request become such, and
 * whatever one of them ever pointed to stays until the whole heap is marked: requests, promises, buffers. With it a
 * collection of the young generation found half of what had been made since the last one alive (20 ms), without it
 * next to nothing (1 ms).
 */
function keepYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
}

/**
 * Buffers of 64 KiB are garbage as soon as their bytes are stored or sent, but V8 sees only how small their handles
 * are: it collects when tens of MiB have gathered, and then marks the whole heap. A collection of the young generation
 * alone frees them in a fraction of a millisecond; it has to be asked for.
 */
function youngCollector(): () => void {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext("typeof gc === 'function' ? gc : undefined")
  return typeof collect === 'function' ? () => void collect({ type: 'minor' }) : () => {}
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
