/** Files that come and go beside what is measured: in that state servers live that expire what they store. */
import { mkdir, rm, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Scale, Target } from './workload.ts'

const AT_ONCE = 32
const BYTES = Buffer.alloc(10 * 1024)

/** Deletes files of the same disk, one after the other, as long as `work` goes on. */
export async function whileDeleting<T>(target: Target, scale: Scale, work: () => Promise<T>): Promise<T> {
  const folder = join(target.folder, '..', `deleted-${process.pid}`)
  await mkdir(folder, { recursive: true })
  const paths = Array.from({ length: scale.deletedFiles }, (_, n) => join(folder, String(n)))
  await inTurn(paths, (path) => writeFile(path, BYTES))
  let done = false
  const pace = (scale.deletedFiles / (scale.seconds + scale.warmUpSeconds)) * 0.02
  const deleting = (async () => {
    while (!done && paths.length > 0) {
      await Promise.all(paths.splice(0, Math.ceil(pace)).map((path) => unlink(path)))
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })()
  try {
    return await work()
  } finally {
    done = true
    await deleting
    await rm(folder, { recursive: true, force: true })
  }
}

async function inTurn(paths: readonly string[], work: (path: string) => Promise<void>): Promise<void> {
  for (let at = 0; at < paths.length; at += AT_ONCE)
    await Promise.all(paths.slice(at, at + AT_ONCE).map(work))
}
