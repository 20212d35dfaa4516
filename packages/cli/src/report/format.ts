/** Numbers and names as people read them. */
import { stripVTControlCharacters } from 'node:util'

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** Three digits that count: `1.23 GB`, `12.3 MB`, `123 kB`. */
export function bytes(count: number): string {
  let [value, unit] = [count, 0]
  // 999.5 would round to four digits.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${unit === 0 ? Math.round(value) : value.toPrecision(3)} ${UNITS[unit]}`
}

/** Seconds as `0:07`, `12:34`, `2:03:04`; `3 d` from four days on. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds))
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  if (h >= 96) return `${Math.round(h / 24)} d`
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}

function two(number: number): string {
  return String(number).padStart(2, '0')
}

/** Rounded down: 100 only when nothing is left. */
export function percent(loaded: number, total: number): number {
  return total === 0 ? 100 : Math.floor((loaded / total) * 100)
}

/** A file's name can hold anything, also what would move the cursor or colour the terminal. */
export function printable(name: string): string {
  return stripVTControlCharacters(name).replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '?')
}
