/** A file system of a few MiB, to be filled to the brim. Mounting one takes root. */
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, rmdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface SmallDisk {
  readonly folder: string
  /** Takes all that is free. */
  fill(): Promise<void>
  /** Gives back what `fill` took. */
  clear(): Promise<void>
  /** Fails while a process still uses it. */
  remove(): Promise<void>
}

/** Why there can be no small disk here; undefined when there can. On a build machine a missing one is a failure. */
export const noSmallDisk: string | undefined =
  process.platform === 'linux' && (process.getuid?.() === 0 || process.env.CI)
    ? undefined
    : 'a small file system can only be mounted on Linux by root: sudo npm test -- packages/server/test/disk-full.test.ts'

export async function mountSmallDisk(bytes: number): Promise<SmallDisk> {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-small-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'pawl-test', folder])
  const filler = join(folder, 'filler')
  return {
    folder,
    async fill() {
      // What fits is written before the error comes; the smaller pieces take what is left.
      for (const size of [bytes, 64 * 1024, 4096]) {
        for (;;) {
          const full = await writeFile(`${filler}-${size}`, Buffer.alloc(size, 1), { flag: 'a' }).then(
            () => false,
            () => true,
          )
          if (full) break
        }
      }
    },
    async clear() {
      for (const size of [bytes, 64 * 1024, 4096]) await rm(`${filler}-${size}`, { force: true })
    },
    async remove() {
      execFileSync('umount', [folder])
      await rmdir(folder)
    },
  }
}
