/** The last lines of a terminal, drawn again and again; what is finished scrolls away above them. */

import type { WriteStream } from 'node:tty'
import { styleText } from 'node:util'
import stringWidth from 'string-width'

export interface Screen {
  readonly columns: number
  /** Lines that fit below each other. */
  readonly rows: number
  /** Whether the terminal shows more than ASCII. */
  readonly unicode: boolean
  /** Draws these lines in place of the ones drawn last. Each must fit into `columns`. */
  draw(lines: readonly string[]): void
  /** Prints lines that stay, above what `draw` shows. */
  print(...lines: readonly string[]): void
  style(format: Parameters<typeof styleText>[0], text: string): string
  /** Shows the cursor again. What was drawn stays. */
  close(): void
}

/** Of a terminal that does not say how wide it is: one without a window tells 0. */
const COLUMNS = 80
const HIDE = '\u001b[?25l'
const SHOW = '\u001b[?25h'
const ERASE_BELOW = '\u001b[0J'
/** The terminal shows what comes between at once: no flicker where it knows these, nothing elsewhere. */
const [BEGIN, END] = ['\u001b[?2026h', '\u001b[?2026l']

export function openScreen(terminal: WriteStream, env: NodeJS.ProcessEnv = process.env): Screen {
  let drawn: readonly string[] = []
  const show = () => terminal.write(SHOW)
  terminal.write(HIDE)
  // However the process ends, the cursor comes back.
  process.once('exit', show)

  const back = (): string => {
    if (drawn.length === 0) return ''
    // A terminal that became narrower has wrapped what was drawn.
    const columns = terminal.columns || COLUMNS
    const rows = drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(stringWidth(line) / columns)), 0)
    return `\r\u001b[${rows}A${ERASE_BELOW}`
  }
  const put = (above: readonly string[], lines: readonly string[]) => {
    const text = [...above, ...lines].map((line) => `${line}\n`).join('')
    terminal.write(`${BEGIN}${back()}${text}${END}`)
    drawn = lines
  }
  return {
    get columns() {
      return terminal.columns || COLUMNS
    },
    get rows() {
      return terminal.rows || 24
    },
    unicode: process.platform === 'win32' || /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || ''),
    draw: (lines) => put([], lines),
    print: (...lines) => put(lines, drawn),
    style: (format, text) => styleText(format, text, { stream: terminal }),
    close: () => {
      process.off('exit', show)
      show()
    },
  }
}
