/** Structured logs: JSON, or lines for people on a terminal. */
import { createHash } from 'node:crypto'
import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'

export type { Logger }

export function createLog(level: string): Logger {
  return process.stdout.isTTY
    ? pino({ level }, pretty({ ignore: 'pid,hostname', translateTime: 'HH:MM:ss', singleLine: true }))
    : pino({ level })
}

/** Upload URLs are capabilities: a log shows which upload it was without giving it away. */
export function redactId(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 12)
}
