import { barReporter } from './bars.ts'
import { jsonReporter } from './json.ts'
import { lineReporter } from './lines.ts'
import type { Reporter } from './reporter.ts'

/** JSON where it was asked for, bars on a terminal that can move its cursor, else lines. */
export function chooseReporter(json: boolean, files: number, bytesInAll: number): Reporter {
  if (json) return jsonReporter()
  if (process.stderr.isTTY && process.env.TERM !== 'dumb')
    return barReporter(process.stderr, files, bytesInAll)
  return lineReporter()
}
