/** How the garbage collector of a server process is to judge bytes that lie outside of its heap. */
import { setFlagsFromString } from 'node:v8'

/**
 * Node reads sockets into buffers outside of the heap. V8 has a limit of its own for such memory, and begins to
 * mark the whole heap each time some 32 MiB of it have come and gone: half of the CPU time of a large upload.
 * Counted together with the heap, its growth decides as it does for everything else.
 *
 * For a process of our own only: what embeds the server decides for itself.
 */
export function countBuffersWithHeap(): void {
  setFlagsFromString('--external-memory-accounted-in-global-limit')
}
