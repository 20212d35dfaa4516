import type { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { openDatabase } from './database.ts'
import { type OperationRequest, runGroup } from './group-commit.ts'
import type { SqliteOperations } from './operations.ts'
import type { EventLog } from './outbox.ts'

/** Operations over one table that do as each request says, so that any of them can fail anywhere. */
function scripted(db: DatabaseSync, log?: EventLog): SqliteOperations {
  db.exec('CREATE TABLE IF NOT EXISTS t (x TEXT)')
  const run = (...args: readonly unknown[]) => {
    const [verb, value] = args.map(String)
    if (verb === 'query') return db.prepare('SELECT count(*) AS n FROM t').get()
    db.prepare('INSERT INTO t VALUES (?)').run(value ?? '')
    // Stands for an event of this operation.
    log?.told.push(value as never)
    if (verb === 'fail') throw new Error('this one fails after it wrote')
    return value
  }
  // Only two names are used, one of a write and one of a read, and they are called as the worker calls them.
  return { advance: run, counts: run } as unknown as SqliteOperations
}

const request = (id: number, ...args: readonly unknown[]): OperationRequest => ({
  id,
  name: args[0] === 'query' ? 'counts' : 'advance',
  args,
})
const rows = (db: DatabaseSync) =>
  db
    .prepare('SELECT x FROM t ORDER BY rowid')
    .all()
    .map((row) => row.x)

test('an operation that fails leaves no trace and takes no other with it', () => {
  const db = openDatabase({ path: ':memory:', lockTimeout: 0 })
  const replies = runGroup(db, scripted(db), [
    request(1, 'write', 'a'),
    request(2, 'fail', 'b'),
    request(3, 'write', 'c'),
  ])
  expect(replies).toEqual([
    { id: 1, value: 'a' },
    { id: 2, error: { code: 'unavailable', message: expect.stringMatching(/could not do advance/) } },
    { id: 3, value: 'c' },
  ])
  expect(rows(db)).toEqual(['a', 'c'])
  expect(db.isTransaction).toBe(false)
})

test('what a group does is seen by what comes later in it', () => {
  const db = openDatabase({ path: ':memory:', lockTimeout: 0 })
  const replies = runGroup(db, scripted(db), [request(1, 'write', 'a'), request(2, 'query')])
  expect(replies[1]).toEqual({ id: 2, value: { n: 1 } })
})

test('a full disk fails the whole group, keeps nothing of it, and the next group goes through', () => {
  const db = openDatabase({ path: ':memory:', lockTimeout: 0 })
  const operations = scripted(db)
  runGroup(db, operations, [request(1, 'write', 'first')])
  db.exec('PRAGMA max_page_count = 40')
  const big = 'x'.repeat(1_000_000)
  const replies = runGroup(db, operations, [
    request(2, 'write', 'small'),
    request(3, 'write', big),
    request(4, 'write', 'after'),
  ])
  const failed = replies.filter((reply) => 'error' in reply)
  expect(failed.map((reply) => 'error' in reply && reply.error.code)).toContain('no-space')
  // Either SQLite gave up the whole transaction or only the statement: replies and rows agree.
  const told = replies.flatMap((reply) => ('value' in reply ? [reply.value] : []))
  expect(rows(db)).toEqual(['first', ...told])
  runGroup(db, operations, [request(5, 'write', 'later')])
  expect(rows(db).at(-1)).toBe('later')
})

test('a commit that fails fails everyone in the group, and is not tried again', () => {
  const db = openDatabase({ path: ':memory:', lockTimeout: 0 })
  const operations = scripted(db)
  let begun = 0
  const closed = new Proxy(db, {
    get(target, name) {
      if (name === 'exec') {
        return (sql: string) => {
          if (sql === 'BEGIN') begun += 1
          if (sql === 'COMMIT') throw new Error('the disk went away')
          target.exec(sql)
        }
      }
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
  const replies = runGroup(closed, operations, [request(1, 'write', 'a'), request(2, 'query')])
  expect(replies.map((reply) => 'error' in reply && reply.error.code)).toEqual(['unavailable', 'unavailable'])
  expect(begun).toBe(1)
  expect(rows(db)).toEqual([])
  expect(db.isTransaction).toBe(false)
})

test('no page is copied for a savepoint where every operation succeeds', () => {
  const db = openDatabase({ path: ':memory:', lockTimeout: 0 })
  const statements: string[] = []
  const watched = new Proxy(db, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (name !== 'exec') return typeof member === 'function' ? member.bind(target) : member
      return (sql: string) => {
        statements.push(sql)
        target.exec(sql)
      }
    },
  })
  const operations = scripted(db)
  runGroup(watched, operations, [request(1, 'write', 'a'), request(2, 'query'), request(3, 'write', 'b')])
  expect(statements).toEqual(['PRAGMA synchronous = FULL', 'BEGIN', 'COMMIT'])
  expect(rows(db)).toEqual(['a', 'b'])
})

test('of a group that is run again nothing is done, or told, twice', () => {
  const db = openDatabase({ path: ':memory:', lockTimeout: 0 })
  const log: EventLog = { keep: false, live: true, told: [] }
  const operations = scripted(db, log)
  const replies = runGroup(
    db,
    operations,
    [request(1, 'write', 'a'), request(2, 'fail', 'b'), request(3, 'write', 'c')],
    log,
  )
  expect(replies.map((reply) => ('events' in reply ? reply.events : []))).toEqual([['a'], [], ['c']])
  expect(rows(db)).toEqual(['a', 'c'])
})

test('reads alone need no transaction, and one that fails fails alone', () => {
  const db = openDatabase({ path: ':memory:', lockTimeout: 0 })
  const operations = scripted(db)
  const statements: string[] = []
  const watched = new Proxy(db, {
    get(target, name) {
      if (name === 'exec') return (sql: string) => statements.push(sql)
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
  const replies = runGroup(watched, operations, [
    request(1, 'query'),
    { id: 2, name: 'findUpload', args: [] },
    request(3, 'query'),
  ])
  expect(replies.map((reply) => 'value' in reply)).toEqual([true, false, true])
  expect(statements).toEqual([])
})

test('only a group in which nothing has to survive a power cut is committed without a sync', () => {
  const db = openDatabase({ path: ':memory:', lockTimeout: 0 })
  /** SQLite's own numbers. */
  const NORMAL = 1
  const FULL = 2
  const level = () => db.prepare('PRAGMA synchronous').get()?.synchronous
  const operations = { insertUpload: level, advance: level, counts: level } as unknown as SqliteOperations
  const insert = (id: number, durable?: boolean): OperationRequest => ({
    id,
    name: 'insertUpload',
    args: durable === undefined ? [{}] : [{}, {}, durable],
  })
  const levels = (...requests: OperationRequest[]) =>
    runGroup(db, operations, requests).map((reply) => 'value' in reply && reply.value)
  expect(levels(insert(1, false), insert(2, false), request(3, 'query'))).toEqual([NORMAL, NORMAL, NORMAL])
  expect(levels(insert(1, false), request(2, 'write'))).toEqual([FULL, FULL])
  expect(levels(insert(1, false), insert(2))).toEqual([FULL, FULL])
  expect(levels(insert(1, true))).toEqual([FULL])
})
