/** What listings cost in a bucket of 100,000 objects, counted in rows that SQLite reads and not in time. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ANON } from '../../access/principal.ts'
import type { ListRequest } from '../listing.ts'
import { sampleObject, sampleUpload } from '../sample-records.ts'
import { openDatabase } from './database.ts'
import { type SqliteOperations, sqliteOperations } from './operations.ts'

const OBJECTS = 100_000
const FOLDERS = 10
const LIMIT = 100
const PAGE: ListRequest = {
  bucket: 'big',
  prefix: '',
  folders: true,
  sort: 'name',
  descending: false,
  search: undefined,
  after: undefined,
  skip: 0,
  limit: LIMIT,
}

let db: DatabaseSync
let operations: SqliteOperations
/** Rows that were read since a test looked. */
let rows = 0
const plans = new Set<string>()

beforeAll(() => {
  db = openDatabase({ path: ':memory:', lockTimeout: 0 })
  fill(sqliteOperations(db))
  operations = sqliteOperations(counting(db))
})
afterAll(() => db.close())

test.each<[string, Partial<ListRequest>, number]>([
  ['folders', {}, FOLDERS],
  ['folders, backwards', { descending: true }, FOLDERS],
  ['the first page of a folder', { prefix: '9/' }, LIMIT],
  ['its last page, by a cursor', { prefix: '9/', after: { name: '9/09899' } }, LIMIT],
  ['a page of a folder, backwards', { prefix: '9/', descending: true }, LIMIT],
  ['a page in the middle of everything', { folders: false, after: { name: '5/05000' } }, LIMIT],
  ['the latest', { folders: false, sort: 'updated', descending: true }, LIMIT],
  [
    'the oldest, by a cursor',
    { folders: false, sort: 'created', after: { name: '0/00500', at: 500 } },
    LIMIT,
  ],
])('a page costs what it shows, whatever the bucket holds: %s', (_, request, shown) => {
  const { entries, cost } = listed(request)
  expect(entries.length).toBe(shown)
  // Each object once in the index, once by itself and once for its segments; one more tells whether there are more.
  expect(cost).toBeLessThanOrEqual(3 * shown + 2)
})

test('an offset costs what it passes over', () => {
  const { entries, cost } = listed({ prefix: '9/', skip: 1000 })
  expect(entries.length).toBe(LIMIT)
  expect(cost).toBeLessThanOrEqual(1000 + 3 * LIMIT + 2)
})

test('a search costs the names under the prefix, and no more', () => {
  const { entries, cost } = listed({ prefix: '9/', search: '0999' })
  expect(entries.length).toBe(10)
  expect(cost).toBeLessThanOrEqual(OBJECTS / FOLDERS + 3 * 10 + 2)
})

test('every statement of a listing goes by an index, in its order', () => {
  expect(plans.size).toBeGreaterThan(4)
  for (const plan of plans) {
    expect(plan).toMatch(/^SEARCH \w+ USING /)
    expect(plan).not.toMatch(/SCAN|TEMP B-TREE/)
  }
})

function listed(request: Partial<ListRequest>) {
  rows = 0
  const { entries } = operations.listObjects({ ...PAGE, ...request })
  return { entries, cost: rows }
}

/** The same database, whose statements are looked at when they are made and whose rows are counted. */
function counting(inner: DatabaseSync): DatabaseSync {
  const counted = (statement: StatementSync): StatementSync =>
    new Proxy(statement, {
      get(target, name) {
        if (name === 'get') return (...values: never[]) => count([target.get(...values)])[0]
        if (name === 'all') return (...values: never[]) => count(target.all(...values))
        if (name === 'iterate') return (...values: never[]) => each(target.iterate(...values))
        return Reflect.get(target, name).bind(target)
      },
    })
  const count = <T>(found: T[]): T[] => {
    rows += found.filter((row) => row !== undefined).length
    return found
  }
  function* each<T>(found: Iterable<T>): Generator<T> {
    for (const row of found) {
      rows += 1
      yield row
    }
  }
  return new Proxy(inner, {
    get(target, name) {
      if (name !== 'prepare') return Reflect.get(target, name).bind(target)
      return (text: string) => {
        if (/^\s*SELECT .* FROM object/s.test(text)) {
          const plan = target
            .prepare(`EXPLAIN QUERY PLAN ${text}`)
            .all(...Array(text.split('?').length - 1).fill(null))
          plans.add(plan.map(({ detail }) => String(detail)).join('; '))
        }
        return counted(target.prepare(text))
      }
    },
  })
}

/** Ten folders of 10,000 objects: the row of an object that was published, many times over. */
function fill(into: SqliteOperations): void {
  const bucket = { id: 'big', public: false, fileSizeLimit: undefined, allowedMimeTypes: undefined }
  into.insertBucket({ ...bucket, owner: ANON, createdAt: 0, updatedAt: 0 })
  const first = sampleUpload({ bucket: 'big', key: 'first' })
  into.insertUpload(first)
  into.beginFinish(first.id, 100)
  const source = sampleObject(first, { segments: [] })
  into.publish(first.id, source)
  const changed: Readonly<Record<string, string>> = {
    id: "printf('00000000-0000-0000-0000-%012x', i)",
    version: "printf('%032x', i)",
    key: `printf('%d/%05d', i * ${FOLDERS} / ${OBJECTS}, i % ${OBJECTS / FOLDERS})`,
    created_at: 'i',
    since: 'i',
  }
  const columns = db
    .prepare('PRAGMA table_info(objects)')
    .all()
    .map(({ name }) => String(name))
  const copied = columns.map((name) => changed[name] ?? `objects.${name}`)
  db.exec(`WITH RECURSIVE numbers(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < ${OBJECTS - 1})
    INSERT INTO objects (${columns.join(', ')}) SELECT ${copied.join(', ')} FROM objects, numbers
    WHERE objects.key = 'first' AND objects.bucket = 'big'`)
  into.removeObjects([source], 0)
}
