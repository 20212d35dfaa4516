/**
 * Connections to Postgres, and operations on them: one statement by itself, or several as a transaction that is
 * tried again when it collided with another. No connection is held longer than an operation.
 */
import pg from 'pg'
import { CatalogError } from '../catalog.ts'
import { TYPES } from './statements.ts'

/** Operations at a time; more wait for one of them. */
const CONNECTIONS = 10
/** Milliseconds for a connection, and for the answer to one statement. */
const CONNECT_MS = 5000
const ANSWER_MS = 15_000
/** A transaction that collides this often meets something else than bad luck. */
const ATTEMPTS = 30

export interface PostgresOptions {
  /** `postgres://…`, as its tools take it. */
  readonly url: string
  /** Of the catalog's tables. */
  readonly schema?: string
}

export function configOf({ url, schema = 'pawl' }: PostgresOptions): pg.ClientConfig {
  return {
    connectionString: url,
    // One statement of many is as of one moment; what must not change meanwhile is locked.
    options: `-c search_path=${schema} -c default_transaction_isolation=read\\ committed -c client_encoding=UTF8`,
    application_name: 'pawl',
    types: TYPES,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: ANSWER_MS,
    // A client that gave up must not leave its statement running.
    statement_timeout: ANSWER_MS,
    // A process that is frozen within a transaction must not keep its locks from everyone.
    idle_in_transaction_session_timeout: ANSWER_MS,
    keepAlive: true,
  }
}

/** @param onIdleError - a connection that nobody used was lost */
export function openPool(options: PostgresOptions, onIdleError: (error: Error) => void): pg.Pool {
  const pool = new pg.Pool({ ...configOf(options), max: CONNECTIONS })
  pool.on('error', onIdleError)
  // One that is lost while it is used tells that by its statements, too; unheard, the event would end the process.
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

/**
 * On a connection whose statements may take as long as they need: a large catalog is not brought up to date, nor its
 * bytes counted, in the time of a request, and the other nodes wait for that.
 */
export async function withPatience<T>(
  options: PostgresOptions,
  work: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ ...configOf(options), query_timeout: 0, statement_timeout: false })
  // Its statements tell what went wrong; unheard, the event would end the process.
  client.on('error', () => {})
  try {
    await client.connect()
    return await work(client)
  } finally {
    await client.end().catch(() => {})
  }
}

/** Serialization failure, deadlock, and a unique index that another transaction was first at. */
const COLLISIONS = new Set(['40001', '40P01'])
const UNIQUE = '23505'

/**
 * @param counted - told of the statements that begin and end it
 * @throws what `work` throws, and then nothing of it has happened
 */
export function inTransaction<T>(
  client: pg.ClientBase,
  work: () => Promise<T>,
  counted: (text: string) => void,
  isCollision: (error: unknown) => boolean = isLost,
): Promise<T> {
  return again(async () => {
    counted('BEGIN')
    await client.query('BEGIN')
    try {
      const result = await work()
      counted('COMMIT')
      await client.query('COMMIT')
      return result
    } catch (error) {
      // On a connection that broke this fails as well; the first fault is the one to tell.
      await client.query('ROLLBACK').catch(() => {})
      throw error
    }
  }, isCollision)
}

/** Does what collided with another once more: nothing of it has happened. */
export async function again<T>(
  work: () => Promise<T>,
  isCollision: (error: unknown) => boolean = isLost,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (!isCollision(error) || attempt === ATTEMPTS) throw error
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 5 * attempt))
    }
  }
}

export function isLost(error: unknown): boolean {
  return error instanceof pg.DatabaseError && COLLISIONS.has(error.code ?? '')
}

/** Also where another inserted first what this one looked for in vain: looking again finds it. */
export function isLostOrTaken(error: unknown): boolean {
  return isLost(error) || (error instanceof pg.DatabaseError && error.code === UNIQUE)
}

/**
 * A statement was prepared before a newer version of Pawl changed the columns that it tells: Postgres refuses it on this
 * connection for good, before anything of it has happened.
 */
export function isOutdated(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.routine === 'RevalidateCachedQuery'
}

export function asCatalogError(what: string, error: unknown): CatalogError {
  if (error instanceof CatalogError) return error
  const code = error instanceof pg.DatabaseError ? (error.code ?? '') : ''
  const reason = error instanceof Error ? error.message || String(error.cause ?? error.name) : String(error)
  if (code === '53100') return new CatalogError('no-space', `${what}: the disk of Postgres is full`, error)
  if (code.startsWith('XX')) {
    return new CatalogError('damaged', `${what}: Postgres finds its data damaged (${reason})`, error)
  }
  return new CatalogError('unavailable', `${what}: ${reason}`, error)
}
