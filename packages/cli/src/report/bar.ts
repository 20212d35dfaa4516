/** One line that tells how far a file is, in as much room as there is. */
import cliTruncate from 'cli-truncate'
import stringWidth from 'string-width'
import { bytes, duration, percent } from './format.ts'
import type { Screen } from './screen.ts'

export interface BarFacts {
  readonly name: string
  readonly loaded: number
  readonly total: number
  /** Bytes a second; undefined when nothing moves. */
  readonly speed: number | undefined
  /** In place of the time that is left. */
  readonly state: string | undefined
  /** Seconds. */
  readonly eta: number | undefined
}

type Paper = Pick<Screen, 'columns' | 'unicode' | 'style'>

const SHORTEST_BAR = 8
const LONGEST_BAR = 40
/** `99:59:59 left`, `checking …` and the like fit. */
const STATE_WIDTH = 12
const SPEED_WIDTH = 9

/** @param nameWidth The same for all lines of a screen, so that the bars stand below each other. */
export function barLine(facts: BarFacts, nameWidth: number, paper: Paper): string {
  const { loaded, total, speed, state, eta } = facts
  const columns = paper.columns - 1
  const done = `${String(percent(loaded, total)).padStart(3)} %`
  const left = state ?? (eta === undefined ? '' : `${duration(eta)} left`)
  const details = [
    // What is least missed goes first when it gets narrow.
    { text: `${bytes(loaded)} of ${bytes(total)}`.padStart(19), from: 100 },
    { text: (speed === undefined || speed === 0 ? '' : `${bytes(speed)}/s`).padStart(SPEED_WIDTH), from: 72 },
    { text: left.padEnd(STATE_WIDTH), from: 56 },
  ].filter(({ from }) => paper.columns >= from)
  const tail = [done, ...details.map(({ text }) => text)].join('  ')
  const name = fitted(facts.name, Math.min(nameWidth, Math.max(4, columns - stringWidth(tail) - 2)), paper)
  const room = columns - stringWidth(name) - stringWidth(tail) - 4
  const bar = room < SHORTEST_BAR ? '' : `  ${drawBar(loaded, total, Math.min(room, LONGEST_BAR), paper)}`
  return cliTruncate(`${name}${bar}  ${tail}`.trimEnd(), columns)
}

/** Room for names: as wide as the longest, but at most three tenths of the screen. */
export function nameWidth(names: readonly string[], columns: number): number {
  const longest = Math.max(0, ...names.map((name) => stringWidth(name)))
  return Math.min(longest, Math.max(10, Math.floor(columns * 0.3)))
}

/** Beginnings tell folders and endings tell types: what is too long loses its middle. */
export function fitted(name: string, width: number, { unicode }: Pick<Paper, 'unicode'>): string {
  const options = { position: 'middle', truncationCharacter: unicode ? '…' : '~' } as const
  const short = cliTruncate(name, width, options)
  return short + ' '.repeat(Math.max(0, width - stringWidth(short)))
}

function drawBar(loaded: number, total: number, width: number, { unicode, style }: Paper): string {
  const [full, empty] = unicode ? ['━', '─'] : ['#', '-']
  const filled = total === 0 ? width : Math.floor((loaded / total) * width)
  return style('cyan', full.repeat(filled)) + style('dim', empty.repeat(width - filled))
}
