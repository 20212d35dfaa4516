/** For terminals: a bar per file that is on its way, a line per file that is done, all of it on stderr. */
import type { WriteStream } from 'node:tty'
import cliTruncate from 'cli-truncate'
import stringWidth from 'string-width'
import { type BarFacts, barLine, fitted, nameWidth } from './bar.ts'
import { bytes, duration, percent, printable } from './format.ts'
import { advice, type Reporter, type Row } from './reporter.ts'
import { openScreen } from './screen.ts'
import { speedometer } from './speed.ts'

/** Milliseconds between two drawings. */
const PERIOD = 100
/** Nothing moved for this long, in milliseconds: the speed of before says nothing any more. */
const SILENCE = 4000

interface Line {
  readonly row: Row
  /** Bytes that were there before this run: they say nothing about its speed. */
  before: number
  sent: number
  movedAt: number
  /** Why it waits, until bytes move again. */
  trouble: string | undefined
}

/** @param files How many there are in all; more than one get a line for the whole. */
export function barReporter(terminal: WriteStream, files: number, bytesInAll: number): Reporter {
  const screen = openScreen(terminal)
  const active = new Map<string, Line>()
  const urls: { url: string; name: string }[] = []
  const tick = screen.unicode ? '✓' : 'ok'
  const cross = screen.unicode ? '✗' : 'failed'
  const speedOf = speedometer()
  let finished = 0
  let arrived = 0
  let moved = 0
  let widest = 0

  const factsOf = ({ row, movedAt, trouble }: Line): BarFacts => {
    // Acknowledgements come in large steps; what was sent moves evenly.
    const { sent, speed, eta, phase } = row.control
    const still = Date.now() - movedAt > SILENCE
    const words = { verifying: 'checking', finishing: 'finishing', sending: undefined }
    // A small file travels with the request that begins the session: then it is no longer being checked.
    const busy = phase === 'verifying' && sent > row.before ? undefined : phase && words[phase]
    const state = trouble ?? busy ?? (still ? 'waiting' : undefined)
    return {
      name: printable(row.name),
      // 100 % is for what arrived.
      loaded: row.control.loaded < row.size ? Math.min(sent, row.size - 1) : sent,
      total: row.size,
      speed: still ? undefined : speed,
      state,
      eta,
    }
  }
  const whole = (lines: readonly BarFacts[]): BarFacts => {
    const loaded = arrived + lines.reduce((sum, line) => sum + line.loaded, 0)
    const speed = speedOf([...active.values()].reduce((sum, line) => sum + line.sent - line.before, moved))
    const eta = speed > 0 ? (bytesInAll - loaded) / speed : undefined
    return { name: `${finished} of ${files} files`, loaded, total: bytesInAll, speed, state: undefined, eta }
  }
  const draw = () => {
    const facts = [...active.values()].map(factsOf)
    const lines = files > 1 ? [...facts.slice(0, Math.max(1, screen.rows - 3)), whole(facts)] : facts
    // Names do not make the bars jump: the room for them only grows.
    widest = Math.max(
      widest,
      nameWidth(
        lines.map(({ name }) => name),
        screen.columns,
      ),
    )
    const width = Math.min(widest, Math.max(10, Math.floor(screen.columns * 0.3)))
    screen.draw(lines.map((line) => barLine(line, width, screen)))
  }
  const timer = setInterval(draw, PERIOD)
  const say = (mark: string, row: Row, text: string) => {
    const room = screen.columns - stringWidth(mark) - text.length - 4
    const name = fitted(printable(row.name), Math.max(10, room), screen).trimEnd()
    screen.print(cliTruncate(`${mark} ${name}  ${text}`, screen.columns - 1))
  }
  const leave = (row: Row) => {
    const line = active.get(row.id)
    // A file that failed before it began has no line.
    if (line !== undefined) moved += line.sent - line.before
    active.delete(row.id)
  }
  const close = (row: Row) => {
    leave(row)
    finished += 1
    arrived += row.size
  }

  return {
    begin: (row) => {
      const { before } = row
      active.set(row.id, { row, before, sent: before, movedAt: Date.now(), trouble: undefined })
    },
    progress: (row) => {
      const line = active.get(row.id)
      const { sent, loaded } = row.control
      if (line === undefined || sent <= line.sent) return
      // The provider may have more than the session knew: it says so before anything is sent.
      if (row.before > 0 && line.sent === row.before && sent === loaded) line.before = sent
      Object.assign(line, { sent, movedAt: Date.now(), trouble: undefined })
    },
    retry: (row, { error }) => {
      const line = active.get(row.id)
      if (line === undefined) return
      if (line.trouble === undefined) {
        const name = fitted(printable(row.name), Math.floor(screen.columns * 0.3), screen).trimEnd()
        screen.print(screen.style('yellow', `! ${name}  ${printable(error.message)}`))
      }
      line.trouble = 'trying again'
    },
    done: (row, _, url) => {
      close(row)
      const took = duration((Date.now() - row.startedAt) / 1000)
      say(screen.style('green', tick), row, `${bytes(row.size)} in ${took}`)
      urls.push({ url, name: row.name })
    },
    failed: (row, error) => {
      close(row)
      screen.print(
        `${screen.style('red', cross)} ${fitted(printable(row.name), screen.columns - 8, screen).trimEnd()}`,
        `  ${printable(error.message)}`,
      )
    },
    paused: (row) => {
      leave(row)
      say('-', row, `paused, ${percent(row.control.loaded, row.size)} % confirmed`)
    },
    note: (text) => screen.print(printable(text)),
    end: (summary) => {
      clearInterval(timer)
      screen.draw([])
      const { done, failed } = summary
      if (failed > 0 && done + failed > 1) screen.print(`${done} done, ${failed} failed`)
      const text = advice(summary)
      if (text !== undefined) screen.print(text)
      screen.close()
      // Results come after the bars: both may be the same terminal.
      const named = process.stdout.isTTY && files > 1
      for (const { url, name } of urls)
        process.stdout.write(named && url.startsWith('http') ? `${url}  ${printable(name)}\n` : `${url}\n`)
    },
  }
}
