/**
 * A fresh data folder for every measurement, all on one file system, with nothing left to write of the one
 * before.
 */
import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

export class DataFolders {
  readonly root: string

  private constructor(root: string) {
    this.root = root
  }

  /** @param parent - a folder on a real disk: on a memory file system syncing costs nothing */
  static async open(parent: string): Promise<DataFolders> {
    await mkdir(parent, { recursive: true })
    const root = await mkdtemp(join(parent, 'run-'))
    // Also when it is interrupted: a run may leave gigabytes.
    process.once('exit', () => rmSync(root, { recursive: true, force: true, maxRetries: 5 }))
    return new DataFolders(root)
  }

  fresh(): Promise<string> {
    return mkdtemp(join(this.root, 'data-'))
  }

  /**
   * Puts a folder away, and waits until the disk has nothing more to do: a server that syncs nothing leaves
   * its writing to whoever is measured next.
   *
   * Folders of many files stay until the end of the run. Deleting thousands of files makes ext4 search long
   * for inodes that it may give out again, for about a minute, and every server that creates files is then
   * several times slower.
   */
  async putAway(folder: string, manyFiles: boolean): Promise<void> {
    if (!manyFiles) await rm(folder, { recursive: true, force: true })
    // Not on Windows and not on a stripped-down system: then the numbers are a little less steady.
    await promisify(execFile)('sync', ['-f', this.root]).catch(() => {})
  }

  async close(): Promise<void> {
    await rm(this.root, { recursive: true, force: true })
  }
}
