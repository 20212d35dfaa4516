/** From an object to a file: whole or not at all. */
import { randomUUID } from 'node:crypto'
import { createWriteStream, statSync } from 'node:fs'
import { link, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import type { StoredFile } from 'pawl'
import { UsageError } from './exit.ts'
import { barLine } from './report/bar.ts'
import { percent, printable } from './report/format.ts'
import { openScreen } from './report/screen.ts'

export interface SaveOptions {
  /** Replace a file that is there. */
  readonly force: boolean
  readonly signal: AbortSignal
}

/** @returns its size in bytes */
export async function saveTo(
  path: string,
  object: StoredFile,
  { force, signal }: SaveOptions,
): Promise<number> {
  const exists = () => new Error(`${path} is there already: --force replaces it`)
  const there = statSync(path, { throwIfNoEntry: false })
  if (there?.isDirectory()) throw new UsageError(`${path} is a folder: name the file in it`)
  if (!force && there !== undefined) throw exists()
  const folder = dirname(path)
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new UsageError(`there is no folder ${folder}: make it first`)
  // Cut: with more behind it, the longest name that a disk takes would be too long.
  const part = join(folder, `${basename(path).slice(0, 60)}.${randomUUID().slice(0, 8)}.part`)
  const meter = meterOf(object)
  try {
    await pipeline(
      Readable.fromWeb(object.stream() as ReadableStream<Uint8Array>),
      meter.through,
      createWriteStream(part, { flags: 'wx', flush: true }),
      { signal },
    )
    if (Number.isFinite(object.size) && meter.loaded() !== object.size)
      throw new Error(`${object.name} ended after ${meter.loaded()} of ${object.size} bytes`)
    if (force) await rename(part, path)
    else
      await link(part, path).catch((error: NodeJS.ErrnoException) => {
        throw error.code === 'EEXIST' ? exists() : error
      })
    return meter.loaded()
  } catch (error) {
    // Nobody asked for the part, and who is told of it looks for a file that is gone.
    throw error instanceof Error && error.message.includes(part)
      ? new Error(error.message.replaceAll(part, path), { cause: error })
      : error
  } finally {
    meter.close()
    await rm(part, { force: true })
  }
}

export async function writeOut(
  stream: StoredFile['stream'] extends () => infer S ? S : never,
  signal: AbortSignal,
): Promise<void> {
  await pipeline(Readable.fromWeb(stream as ReadableStream<Uint8Array>), process.stdout, {
    signal,
    end: false,
  })
}

/** Counts, and shows a bar where there is a terminal. */
function meterOf({ name, size }: StoredFile) {
  const began = Date.now()
  let loaded = 0
  const known = Number.isFinite(size) && size > 0
  const screen =
    known && process.stderr.isTTY && process.env.TERM !== 'dumb' ? openScreen(process.stderr) : undefined
  const draw = () => {
    const speed = (loaded * 1000) / Math.max(1, Date.now() - began)
    const eta = speed > 0 ? (size - loaded) / speed : undefined
    const facts = { name: printable(name), loaded, total: size, speed, state: undefined, eta }
    if (screen !== undefined) screen.draw([barLine(facts, Math.floor(screen.columns / 3), screen)])
  }
  const timer = screen === undefined ? undefined : setInterval(draw, 100)
  let shown = 0
  const through = new Transform({
    transform: (chunk: Uint8Array, _, done) => {
      loaded += chunk.length
      const tenths = known ? Math.floor(percent(loaded, size) / 10) : 0
      if (screen === undefined && tenths > shown && tenths < 10) {
        shown = tenths
        process.stderr.write(`${printable(name)}: ${tenths * 10} %\n`)
      }
      done(null, chunk)
    },
  })
  return {
    through,
    loaded: () => loaded,
    close: () => {
      clearInterval(timer)
      screen?.draw([])
      screen?.close()
    },
  }
}
