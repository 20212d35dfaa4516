/** Statements on one connection, prepared once each, with text and numbers as the catalog's records have them. */
import { createHash } from 'node:crypto'
import pg from 'pg'
import type { Row, SqlValue } from '../columns.ts'

export type PgValue = SqlValue | readonly string[] | readonly number[]

export interface Statements {
  /** Resolves to the rows that it changed. */
  run(text: string, ...values: PgValue[]): Promise<number>
  one(text: string, ...values: PgValue[]): Promise<Row | undefined>
  all(text: string, ...values: PgValue[]): Promise<Row[]>
  /** Until the transaction ends, nobody else is past a lock of this name. */
  lock(name: string): Promise<void>
}

const INT8 = 20
const TEXT = 25

/** How columns are read: 64-bit integers as numbers (all of ours are below 2^53), text with its NULs. */
export const TYPES: pg.CustomTypesConfig = {
  getTypeParser(oid, format) {
    if (oid === INT8) return Number
    if (oid === TEXT) return withNul
    return pg.types.getTypeParser(oid, format)
  },
}

/** @param counted - told of every statement */
export function statementsOn(client: pg.ClientBase, counted: (text: string) => void): Statements {
  const query = (text: string, values: readonly PgValue[]): Promise<pg.QueryResult<Row>> => {
    counted(text)
    return client.query({ name: nameOf(text), text, values: values.map(withoutNul) })
  }
  return {
    run: async (text, ...values) => (await query(text, values)).rowCount ?? 0,
    one: async (text, ...values) => (await query(text, values)).rows[0],
    all: async (text, ...values) => (await query(text, values)).rows,
    async lock(name) {
      await query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [name])
    },
  }
}

const names = new Map<string, string>()

/** Statements are few, and each is prepared once on each connection, under a name of its own. */
function nameOf(text: string): string {
  const known = names.get(text)
  if (known !== undefined) return known
  const name = createHash('sha1').update(text).digest('base64url')
  names.set(text, name)
  return name
}

/** Postgres has no NUL in text. U+0000 is kept as U+0001 U+0001 and U+0001 as U+0001 U+0002: the order stays. */
function withoutNul(value: PgValue): unknown {
  if (typeof value === 'string') return escaped(value)
  return Array.isArray(value) ? value.map((item) => (typeof item === 'string' ? escaped(item) : item)) : value
}

function escaped(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what this is about
  return /[\u0000\u0001]/.test(text)
    ? text.replaceAll('\u0001', '\u0001\u0002').replaceAll('\u0000', '\u0001\u0001')
    : text
}

function withNul(text: string): string {
  if (!text.includes('\u0001')) return text
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what this is about
  return text.replace(/\u0001([\u0001\u0002])/g, (_, second) => (second === '\u0001' ? '\u0000' : '\u0001'))
}
