import type { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Principal } from '../../access/principal.ts'
import { newSegmentId } from '../../blobs/blob-store.ts'
import { newObjectId, newVersion } from '../../objects/object.ts'
import { newUploadId, type UploadRecord } from '../../uploads/upload.ts'
import { openDatabase } from './database.ts'
import { type SqliteOperations, sqliteOperations } from './operations.ts'
import { COUNT_ALL, keepUsage, usageSums } from './usage.ts'

const ANN: Principal = { role: 'authenticated', sub: 'ann' }
const BOB: Principal = { role: 'authenticated', sub: 'bob' }

function openCatalog() {
  const db = openDatabase({ path: ':memory:', lockTimeout: 0, quotas: true })
  return { db, catalog: sqliteOperations(db), usage: usageSums(db) }
}

function upload(given: Partial<UploadRecord> = {}): UploadRecord {
  const id = newUploadId()
  return {
    id,
    face: 'files',
    owner: ANN,
    bucket: 'files',
    key: id,
    precondition: 'none',
    length: 100,
    metadata: '',
    headers: { contentType: 'text/plain', fileName: undefined },
    segment: newSegmentId(),
    concat: { kind: 'whole' },
    digests: { wanted: [], demanded: {} },
    rollback: undefined,
    durable: 0,
    createdAt: 1,
    expiresAt: 2,
    state: { kind: 'open' },
    ...given,
  }
}

function publish(catalog: SqliteOperations, of: UploadRecord, length = of.length ?? 0): void {
  catalog.beginFinish(of.id, length)
  catalog.publish(of.id, {
    id: newObjectId(),
    since: 0,
    bucket: of.bucket,
    key: of.key,
    version: newVersion(),
    size: length,
    headers: of.headers,
    owner: of.owner,
    createdAt: 3,
    wanted: [],
    digests: {},
    segments: of.concat.kind === 'final' ? of.concat.pieces : [{ segment: of.segment, length }],
  })
}

/** Everything as one statement over the tables would have it. */
function counted(db: DatabaseSync): unknown {
  return sorted(db.prepare(COUNT_ALL).all())
}

function kept(db: DatabaseSync): unknown {
  return sorted(db.prepare('SELECT scope, name, bytes FROM usage').all())
}

function openCounts(db: DatabaseSync): unknown {
  return sorted(db.prepare('SELECT owner, open FROM open_counts').all())
}

function openCounted(db: DatabaseSync): unknown {
  return sorted(
    db
      .prepare("SELECT owner_role || ':' || owner_sub, count(*) FROM uploads WHERE state = 'open' GROUP BY 1")
      .all(),
  )
}

function sorted(rows: readonly Record<string, unknown>[]): unknown {
  return rows
    .map((row) => Object.values(row).join(' '))
    .filter((row) => !row.endsWith(' 0'))
    .sort()
}

test('an upload counts with its length, and once when it becomes an object', () => {
  const { catalog, usage } = openCatalog()
  const made = upload()
  catalog.insertUpload(made)
  expect([usage.owner(ANN), usage.unfinished().open]).toEqual([100, 1])
  publish(catalog, made)
  expect([usage.owner(ANN), usage.unfinished().open]).toEqual([100, 0])
  expect(usage.bucket('files')).toBe(100)
})

test('a replaced object no longer counts, whoever it belonged to', () => {
  const { catalog, usage } = openCatalog()
  const old = upload({ owner: BOB, key: 'same' })
  const fresh = upload({ key: 'same', length: 70 })
  for (const each of [old, fresh]) {
    catalog.insertUpload(each)
    publish(catalog, each)
  }
  expect([usage.owner(BOB), usage.owner(ANN), usage.bucket('files')]).toEqual([0, 70, 70])
})

test('an upload that does not fit leaves nothing behind', () => {
  const { db, catalog } = openCatalog()
  catalog.insertUpload(upload({ length: 60 }))
  const before = kept(db)
  expect(catalog.insertUpload(upload({ length: 41 }), { ownerBytes: 100 })).toEqual({
    what: 'ownerBytes',
    limit: 100,
  })
  expect(catalog.insertUpload(upload({ owner: BOB, length: 41 }), { bucketBytes: 100 })?.what).toBe(
    'bucketBytes',
  )
  expect(catalog.insertUpload(upload({ length: 1 }), { ownerOpen: 1 })?.what).toBe('ownerOpen')
  expect(kept(db)).toEqual(before)
  expect(catalog.insertUpload(upload({ length: 40 }), { ownerBytes: 100, bucketBytes: 100 })).toBeUndefined()
})

test('an owner has as many open uploads as the limit says, however many came and went', () => {
  const { db, catalog } = openCatalog()
  const insert = (given: Partial<UploadRecord> = {}, ownerOpen = 3) =>
    catalog.insertUpload(upload(given), { ownerOpen })?.what
  const [first, second] = [upload(), upload()]
  for (const one of [first, second, upload()]) catalog.insertUpload(one, { ownerOpen: 3 })
  expect(insert()).toBe('ownerOpen')
  expect(insert({ owner: BOB })).toBeUndefined()
  expect(insert({ owner: { role: 'service_role' } })).toBeUndefined()
  publish(catalog, first)
  expect(insert()).toBeUndefined()
  expect(insert()).toBe('ownerOpen')
  catalog.endUpload(second.id, ['open'], { kind: 'cancelled' }, 5)
  // What was rolled back neither came nor went.
  db.exec('BEGIN')
  expect(insert()).toBeUndefined()
  expect(insert()).toBe('ownerOpen')
  db.exec('ROLLBACK')
  expect(insert()).toBeUndefined()
  expect(insert()).toBe('ownerOpen')
  expect(insert({}, 4)).toBeUndefined()
  // As the next process finds them.
  expect(sqliteOperations(db).insertUpload(upload(), { ownerOpen: 4 })?.what).toBe('ownerOpen')
})

test('a copy over the object of another owner frees nothing of its own', () => {
  const { catalog, usage } = openCatalog()
  for (const [key, owner] of [
    ['mine', ANN],
    ['too', ANN],
    ['theirs', BOB],
  ] as const) {
    const made = upload({ key, owner })
    catalog.insertUpload(made)
    publish(catalog, made)
  }
  const source = catalog.findObject('files', 'mine')
  const over = (key: string) =>
    source &&
    catalog.copyObject(
      source.version,
      { ...source, key, id: newObjectId(), version: newVersion() },
      { insert: true, replace: true },
      { ownerBytes: 250, bucketBytes: 300 },
    ).kind
  expect([over('theirs'), over('too')]).toEqual(['exceeded', 'copied'])
  expect([usage.owner(ANN), usage.owner(BOB), usage.bucket('files')]).toEqual([200, 100, 300])
})

test('bytes are set aside for an upload of unknown length as far as the allowance goes', () => {
  const { catalog, usage } = openCatalog()
  catalog.insertUpload(upload({ length: 60 }))
  const growing = upload({ length: undefined })
  catalog.insertUpload(growing)
  expect(catalog.reserve(growing.id, 30, 30, { ownerBytes: 100 })).toBe(30)
  expect(usage.owner(ANN)).toBe(90)
  // Less than what is needed changes nothing; less than what is wanted is taken.
  expect(catalog.reserve(growing.id, 50, 45, { ownerBytes: 100 })).toBe(40)
  expect(usage.owner(ANN)).toBe(90)
  expect(catalog.reserve(growing.id, 50, 35, { ownerBytes: 100 })).toBe(40)
  expect(usage.owner(ANN)).toBe(100)
  expect(catalog.reserve(growing.id, 5, 5, {})).toBe(5)
  catalog.advance(growing.id, { durable: 20 })
  expect(usage.owner(ANN)).toBe(80)
})

test('joined partial uploads count once, and once more when they are joined again', () => {
  const { db, catalog, usage } = openCatalog()
  const partials = [upload({ concat: { kind: 'partial' } }), upload({ concat: { kind: 'partial' } })]
  for (const partial of partials) {
    catalog.insertUpload(partial)
    catalog.beginFinish(partial.id, 100)
    catalog.seal(partial.id)
  }
  const pieces = partials.map(({ segment }) => ({ segment, length: 100 }))
  const final = (): UploadRecord =>
    upload({
      length: 200,
      state: { kind: 'finishing' },
      concat: { kind: 'final', list: 'final;a b', pieces },
    })
  const ids = partials.map(({ id }) => id)
  const first = final()
  expect(catalog.insertFinal(first, 'one', ids, { ownerBytes: 200 }).kind).toBe('inserted')
  publish(catalog, first)
  expect(usage.owner(ANN)).toBe(200)
  expect(catalog.insertFinal(final(), 'two', ids, { ownerBytes: 399 }).kind).toBe('exceeded')
  expect(catalog.insertFinal(final(), 'two', ids, { ownerBytes: 400 }).kind).toBe('inserted')
  expect(usage.owner(ANN)).toBe(400)
  for (const id of ids) catalog.endUpload(id, ['sealed'], { kind: 'expired' }, 9)
  expect(kept(db)).toEqual(counted(db))
})

test('partial uploads count again once no final one has their bytes, because it failed', () => {
  const { db, catalog, usage } = openCatalog()
  const partial = upload({ concat: { kind: 'partial' } })
  catalog.insertUpload(partial)
  catalog.beginFinish(partial.id, 100)
  catalog.seal(partial.id)
  const pieces = [{ segment: partial.segment, length: 100 }]
  const finals = [1, 2].map(() =>
    upload({ state: { kind: 'finishing' }, concat: { kind: 'final', list: 'final;a', pieces } }),
  )
  const failure = { code: 'conflict', message: 'another upload to this key finished first' } as const
  for (const final of finals) catalog.insertFinal(final, final.id, [partial.id])
  expect(usage.owner(ANN)).toBe(200)
  for (const final of finals) {
    catalog.endUpload(final.id, ['finishing'], { kind: 'failed', failure }, 5)
    expect(usage.owner(ANN)).toBe(100)
  }
  expect(catalog.insertFinal(upload({ ...finals[0], id: newUploadId() }), 'three', [partial.id])).toEqual({
    kind: 'inserted',
  })
  expect(usage.owner(ANN)).toBe(100)
  expect(kept(db)).toEqual(counted(db))
})

test('the running sums are what counting everything would give, whatever happened', () => {
  const step = fc.record({
    what: fc.constantFrom(
      'create',
      'grow',
      'durable',
      'length',
      'publish',
      'seal',
      'end',
      'forget',
      'reserve',
    ),
    which: fc.nat(7),
    amount: fc.nat(500),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { db, catalog } = openCatalog()
      const made: UploadRecord[] = []
      for (const { what, which, amount } of steps) {
        const one = made[which % Math.max(1, made.length)]
        if (what === 'create' || one === undefined) {
          const fresh = upload({
            owner: which % 2 === 0 ? ANN : BOB,
            bucket: which % 3 === 0 ? 'files' : 'other',
            key: `key-${which % 4}`,
            length: which % 3 === 1 ? undefined : amount,
            concat: { kind: which === 5 ? 'partial' : 'whole' },
          })
          made.push(fresh)
          catalog.insertUpload(fresh)
        } else if (what === 'grow' || what === 'reserve')
          catalog.reserve(one.id, amount, 0, { ownerBytes: 900 })
        else if (what === 'durable') catalog.advance(one.id, { durable: amount })
        else if (what === 'length') catalog.setLength(one.id, amount)
        else if (what === 'publish') publish(catalog, one, one.length ?? amount)
        else if (what === 'seal') {
          catalog.beginFinish(one.id, one.length ?? amount)
          catalog.seal(one.id)
        } else if (what === 'end')
          catalog.endUpload(one.id, ['open', 'sealed', 'finishing'], { kind: 'cancelled' }, 5)
        else catalog.forgetEnded(10, 3)
      }
      expect(kept(db)).toEqual(counted(db))
      expect(openCounts(db)).toEqual(openCounted(db))
      db.close()
    }),
    { numRuns: 100 },
  )
})

test('setting a quota later counts what is there already', () => {
  const { db, catalog } = openCatalog()
  const made = upload()
  catalog.insertUpload(made)
  publish(catalog, made)
  catalog.insertUpload(upload({ owner: BOB, length: 5 }))
  const before = kept(db)
  keepUsage(db, false)
  catalog.insertUpload(upload({ length: 7 }))
  keepUsage(db, true)
  expect(kept(db)).not.toEqual(before)
  expect(kept(db)).toEqual(counted(db))
})
