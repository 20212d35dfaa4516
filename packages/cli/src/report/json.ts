/** One JSON object per line on stdout, for programs. */
import type { Reporter, Row } from './reporter.ts'

/** Milliseconds between two reports of one file's progress. */
const PERIOD = 250

export function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

export function jsonReporter(): Reporter {
  const reported = new Map<string, number>()
  const facts = ({ id, file }: Row) => ({ id, file })
  const numbers = ({ size, control }: Row) => ({ loaded: control.loaded, sent: control.sent, total: size })
  return {
    begin: (row) =>
      printJson({
        event: 'start',
        ...facts(row),
        destination: row.destination,
        loaded: row.before,
        total: row.size,
      }),
    progress: (row) => {
      const now = Date.now()
      if (now - (reported.get(row.id) ?? 0) < PERIOD) return
      reported.set(row.id, now)
      const { speed, eta, phase } = row.control
      printJson({
        event: 'progress',
        ...facts(row),
        ...numbers(row),
        speed: Math.round(speed),
        ...(eta === undefined ? {} : { eta: Math.ceil(eta) }),
        ...(phase === undefined ? {} : { phase }),
      })
    },
    retry: (row, { attempt, delayMs, error }) =>
      printJson({
        event: 'retry',
        ...facts(row),
        attempt,
        delay: Math.round(delayMs),
        code: error.code,
        message: error.message,
      }),
    done: (row, { key, contentType, etag, digest }, url) =>
      printJson({
        event: 'done',
        ...facts(row),
        url,
        key,
        size: row.size,
        contentType,
        ...(etag === undefined ? {} : { etag }),
        ...(digest === undefined ? {} : { digest }),
      }),
    failed: (row, { code, message }, resumable) =>
      printJson({ event: 'failed', ...facts(row), ...numbers(row), code, message, resumable }),
    paused: (row) => printJson({ event: 'paused', ...facts(row), ...numbers(row) }),
    note: (text) => printJson({ event: 'note', message: text }),
    end: ({ done, failed, resumable }) => printJson({ event: 'end', done, failed, resumable }),
  }
}
