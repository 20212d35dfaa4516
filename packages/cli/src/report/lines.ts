/** For logs and pipes: one line per 10 % on stderr, one URL per file on stdout. */
import { bytes, duration, percent, printable } from './format.ts'
import { advice, type Reporter, type Row } from './reporter.ts'

/** The same failure again and again is told this often, in milliseconds. */
const RETRY_PERIOD = 10_000

export function lineReporter(): Reporter {
  const shown = new Map<string, number>()
  const retried = new Map<string, number>()
  const say = (row: Row, text: string) => process.stderr.write(`${printable(row.name)}: ${text}\n`)
  return {
    begin: (row) => {
      const tenths = Math.floor(percent(row.before, row.size) / 10)
      shown.set(row.id, row.size === 0 ? 10 : tenths)
      if (row.before > 0) say(row, `goes on at ${percent(row.before, row.size)} %`)
    },
    progress: (row) => {
      // Acknowledgements come in large steps; what was sent moves evenly.
      const { sent, speed, eta } = row.control
      const tenths = Math.floor(percent(sent, row.size) / 10)
      // The last one is the line that says that the provider has the whole.
      if (tenths >= 10 || tenths <= (shown.get(row.id) ?? 0)) return
      shown.set(row.id, tenths)
      // In the first moments there is no speed yet.
      const pace = speed > 0 ? `, ${bytes(speed)}/s` : ''
      const left = eta === undefined ? '' : `, ${duration(eta)} left`
      say(row, `${tenths * 10} % (${bytes(sent)} of ${bytes(row.size)}${pace}${left})`)
    },
    retry: (row, { delayMs, error }) => {
      const now = Date.now()
      if (now - (retried.get(row.id) ?? 0) < RETRY_PERIOD) return
      retried.set(row.id, now)
      say(row, `trying again in ${duration(delayMs / 1000)}: ${error.message}`)
    },
    done: (row, _, url) => {
      say(row, `100 % (${bytes(row.size)} in ${duration((Date.now() - row.startedAt) / 1000)})`)
      process.stdout.write(`${url}\n`)
    },
    failed: (row, error) => say(row, `failed: ${error.message}`),
    paused: (row) => say(row, `paused, ${percent(row.control.loaded, row.size)} % confirmed`),
    note: (text) => process.stderr.write(`${printable(text)}\n`),
    end: (summary) => {
      const { done, failed } = summary
      if (done + failed > 1) process.stderr.write(`${done} done, ${failed} failed\n`)
      const text = advice(summary)
      if (text !== undefined) process.stderr.write(`${text}\n`)
    },
  }
}
