/**
 * The catalog that several nodes share: Postgres. Every operation takes a connection of the pool for as long as it
 * runs and no longer. See docs/design/cluster.md.
 */
import pg from 'pg'
import type { StoredEvent } from '../../events/event.ts'
import { Slots } from '../../slot-map.ts'
import { type Catalog, CatalogError } from '../catalog.ts'
import type { Row } from '../columns.ts'
import { forEveryOperation, isRead, type OperationName, type Operations } from '../forward.ts'
import type { LeaseRows } from '../lease-rows.ts'
import {
  again,
  asCatalogError,
  inTransaction,
  isLost,
  isLostOrTaken,
  isOutdated,
  openPool,
  type PostgresOptions,
  withPatience,
} from './database.ts'
import { newNodeNumber, openLeases, type PostgresLeases } from './leases.ts'
import { migrate } from './migrations.ts'
import { postgresOperations } from './operations.ts'
import type { EventLog } from './outbox.ts'
import { type PgValue, statementsOn } from './statements.ts'
import { keepUsage } from './usage.ts'

export interface PostgresCatalogOptions extends PostgresOptions {
  /** False: refuse a catalog of an older version instead of bringing it up to date. */
  readonly migrate?: boolean
  /** Keep sums of what owners and buckets hold: true wherever a quota is set. Undefined leaves that as it is. */
  readonly quotas?: boolean | undefined
  /** True: events are written to the outbox, because something will deliver them. */
  readonly keepEvents?: boolean
  /** This node's number, which no other has; a new one unless a test says. */
  readonly node?: number
  /** Told of a connection that was lost while nobody used it. */
  readonly onError?: (error: Error) => void
  /** Told of every statement. */
  readonly onStatement?: (text: string) => void
  /** Told of each transaction: how many operations wrote in it, and the seconds it took. */
  readonly onCommit?: (operations: number, seconds: number) => void
}

/** Operations that change something with a single statement: they need no transaction around it. */
const SINGLE = new Set<OperationName>([
  'setLength',
  'advance',
  'lowerDurable',
  'setRollback',
  'beginFinish',
  'seal',
  'holdSegment',
  'reserveParts',
  'recordParts',
  'cutParts',
  'recordRescue',
  'sealParts',
  'setDigests',
  'forgetSegments',
  'adoptSegments',
  'forgetEnded',
  'beginPack',
  'endPack',
  'insertBucket',
  'pairWith',
])
/** Operations that look whether a key is free before they take it. */
const TAKING = new Set<OperationName>(['publish', 'copyObject', 'moveObject'])

interface Connection {
  readonly operations: Operations
  readonly log: EventLog
}

export interface PostgresCatalog extends Catalog {
  readonly leases: LeaseRows
}

/** @throws CatalogError `newer`, `older`, `unavailable` */
export async function openPostgresCatalog(options: PostgresCatalogOptions): Promise<PostgresCatalog> {
  const { keepEvents = false, schema = 'pawl', onStatement = () => {}, onCommit = () => {} } = options
  const { node = newNodeNumber(), onError = () => {} } = options
  const pool = openPool({ ...options, schema }, onError)
  const connections = new WeakMap<pg.ClientBase, Connection>()
  const listeners: ((events: readonly StoredEvent[]) => void)[] = []
  /** Operations that were called before it was closed are done. */
  const running = new Slots<Promise<unknown>>()
  let closed = false

  const connectionOf = (client: pg.ClientBase): Connection => {
    const known = connections.get(client)
    if (known !== undefined) return known
    const log: EventLog = { keep: keepEvents, live: () => listeners.length > 0, told: [] }
    const operations = postgresOperations(statementsOn(client, onStatement), log, node)
    const made = { operations, log }
    connections.set(client, made)
    return made
  }

  const invoke = async (
    client: pg.ClientBase,
    name: OperationName,
    args: readonly unknown[],
  ): Promise<unknown> => {
    const { operations, log } = connectionOf(client)
    // Both ends are typed by Catalog.
    const operation = operations[name] as (...args: readonly unknown[]) => Promise<unknown>
    const work = (): Promise<unknown> => {
      log.told = []
      return operation(...args)
    }
    if (isRead(name)) return work()
    const since = performance.now()
    const value = SINGLE.has(name)
      ? await again(work)
      : await inTransaction(client, work, onStatement, TAKING.has(name) ? isLostOrTaken : isLost)
    onCommit(1, (performance.now() - since) / 1000)
    if (log.told.length > 0) for (const listener of listeners) listener(log.told)
    return value
  }

  /**
   * A connection on which something went wrong that was no answer of Postgres is not used again; neither is one that
   * is outdated, and then another does the work.
   */
  const use = async <T>(work: (client: pg.ClientBase) => Promise<T>): Promise<T> => {
    for (;;) {
      const client = await pool.connect()
      let broken = false
      try {
        return await work(client)
      } catch (error) {
        const outdated = isOutdated(error)
        broken = outdated || !(error instanceof CatalogError || error instanceof pg.DatabaseError)
        if (!outdated) throw error
      } finally {
        client.release(broken)
      }
    }
  }

  /** @throws CatalogError */
  const counted = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    if (closed) throw new CatalogError('unavailable', 'the catalog is closed')
    const done = work()
    const place = running.add(done)
    try {
      return await done
    } catch (error) {
      throw asCatalogError(`the catalog could not do ${what}`, error)
    } finally {
      running.remove(place)
    }
  }

  let leases: PostgresLeases
  try {
    await withPatience({ ...options, schema }, (client) =>
      inTransaction(
        client,
        async () => {
          await migrate(client, { schema, may: options.migrate !== false })
          if (options.quotas !== undefined) await keepUsage((sql) => client.query(sql), options.quotas)
        },
        onStatement,
      ),
    )
    const query = (text: string, ...values: PgValue[]): Promise<Row[]> =>
      counted('lease', () => use((client) => statementsOn(client, onStatement).all(text, ...values)))
    leases = await openLeases({ ...options, schema, node }, query, onError)
  } catch (error) {
    await pool.end()
    throw asCatalogError('could not open the catalog in Postgres', error)
  }

  return {
    ...forEveryOperation(async (name, args) => {
      const value = await counted(name, () => use((client) => invoke(client, name, args)))
      if (name === 'recordParts') {
        const [hold, growth] = args as Parameters<Catalog['recordParts']>
        if (growth.unusedFrom !== undefined) leases.noteEnded(hold)
      }
      return value
    }),
    leases,
    keepsEvents: keepEvents,
    listen(listener) {
      listeners.push(listener)
    },
    async close() {
      if (closed) return
      closed = true
      await Promise.allSettled(running)
      await leases.close()
      await pool.end()
    },
  }
}
