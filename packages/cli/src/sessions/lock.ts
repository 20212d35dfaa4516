/** One process at a time works on a session. The lock of a process that is gone counts as free. */
import { randomUUID } from 'node:crypto'
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'

export interface Lock {
  release(): Promise<void>
}

interface Holder {
  readonly pid: number
  /** Tells a process from a later one with the same number, where the system tells it. */
  readonly started: string | undefined
}

/** @returns the lock, or the number of the process that has it */
export async function takeLock(path: string): Promise<Lock | number> {
  const own = `${path}.${randomUUID()}`
  await writeFile(own, JSON.stringify(await describe(process.pid)), { mode: 0o600 })
  try {
    for (;;) {
      // A link appears whole and only once: two processes cannot both make it.
      const taken = await link(own, path).then(
        () => true,
        () => false,
      )
      if (taken) return { release: () => rm(path, { force: true }) }
      const holder = await read(path)
      if (holder === undefined) continue
      if (await alive(holder)) return holder.pid
      await clear(path, holder)
    }
  } finally {
    await rm(own, { force: true })
  }
}

/** Removes the lock of a dead process; whoever took its place meanwhile gets it back. */
async function clear(path: string, dead: Holder): Promise<void> {
  const aside = `${path}.${randomUUID()}`
  try {
    await rename(path, aside)
  } catch {
    return
  }
  const moved = await read(aside)
  if (moved !== undefined && (moved.pid !== dead.pid || moved.started !== dead.started))
    await link(aside, path).catch(() => {})
  await rm(aside, { force: true })
}

async function read(path: string): Promise<Holder | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch {
    return undefined
  }
  const [, pid, started] = /^\{"pid":(\d+)(?:,"started":"(\d+)")?\}$/.exec(text) ?? []
  return { pid: Number(pid ?? 0), started }
}

async function alive({ pid, started }: Holder): Promise<boolean> {
  if (pid === 0) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    // A process that may not be signalled is there all the same.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false
  }
  const now = (await describe(pid)).started
  return started === undefined || now === undefined || now === started
}

async function describe(pid: number): Promise<Holder> {
  // Linux: the 22nd field, counted after the name, which may hold spaces and brackets.
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  return { pid, started: started === '' ? undefined : started }
}
