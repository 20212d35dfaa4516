/**
 * A disk from which the power is cut: a file system on a block device that is a file. What the system still holds in
 * memory, because nobody has synced it, is not in that file, and gone. Mounting one takes root.
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdtemp, open, rename, rm, rmdir, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface PowerCutDisk {
  readonly folder: string
  /** Keeps what the disk has now. Whoever writes to it has to be stopped meanwhile. */
  cut(): Promise<void>
  /** Mounts what `cut` kept, at the same place. Fails while a process still uses the old one. */
  restore(): Promise<void>
  /** Fails while a process still uses it. */
  remove(): Promise<void>
}

/** Why there can be no such disk here; undefined when there can. On a build machine a missing one is a failure. */
export const noPowerCutDisk: string | undefined =
  (process.platform === 'linux' && process.getuid?.() === 0 && existsSync('/dev/loop-control')) ||
  process.env.CI
    ? undefined
    : 'a block device that is a file can only be mounted on Linux by root: sudo npm test -- packages/server/test/power-cut.test.ts'

export async function mountPowerCutDisk(bytes: number): Promise<PowerCutDisk> {
  const place = await mkdtemp(join(tmpdir(), 'pawl-power-cut-'))
  const folder = await mkdtemp(join(tmpdir(), 'pawl-power-cut-disk-'))
  const [disk, kept] = [join(place, 'disk'), join(place, 'kept')]
  const file = await open(disk, 'w')
  await file.truncate(bytes)
  await file.close()
  execFileSync('mkfs.ext4', ['-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0', disk])
  const mount = (): Buffer => execFileSync('mount', ['-o', 'loop', disk, folder])
  mount()
  return {
    folder,
    async cut() {
      // The system may be writing something back just now: what was read before and after that is no moment's state.
      for (let left = 20; left > 0; left -= 1) {
        const before = await stat(disk, { bigint: true })
        await copyFile(disk, kept)
        if ((await stat(disk, { bigint: true })).mtimeNs === before.mtimeNs) return
      }
      throw new Error('the disk never stands still')
    },
    async restore() {
      execFileSync('umount', [folder])
      await rename(kept, disk)
      mount()
    },
    async remove() {
      execFileSync('umount', [folder])
      await rmdir(folder)
      await rm(place, { recursive: true })
    },
  }
}
