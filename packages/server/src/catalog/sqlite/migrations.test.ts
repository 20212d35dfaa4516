import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { migrate } from './migrations.ts'

const version = (db: DatabaseSync) => db.prepare('PRAGMA user_version').get()?.user_version
const tables = (db: DatabaseSync) =>
  db
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    .all()
    .map((row) => row.name)

test('each step runs once, in order, and the number of the last one is recorded', () => {
  const db = new DatabaseSync(':memory:')
  migrate(db, { may: true, steps: ['CREATE TABLE a (x)', 'ALTER TABLE a ADD COLUMN y'] })
  expect(version(db)).toBe(2)
  migrate(db, { may: true, steps: ['CREATE TABLE a (x)', 'ALTER TABLE a ADD COLUMN y'] })
  expect(version(db)).toBe(2)
  migrate(db, {
    may: true,
    steps: ['CREATE TABLE a (x)', 'ALTER TABLE a ADD COLUMN y', 'CREATE TABLE b (x)'],
  })
  expect(version(db)).toBe(3)
  expect(tables(db)).toEqual(['a', 'b'])
})

test('a step that fails leaves nothing of itself, and the next start goes on there', () => {
  const db = new DatabaseSync(':memory:')
  const first = 'CREATE TABLE a (x)'
  expect(() => migrate(db, { may: true, steps: [first, 'CREATE TABLE b (x); CREATE TABLE a (x)'] })).toThrow(
    /already exists/,
  )
  expect(version(db)).toBe(1)
  expect(tables(db)).toEqual(['a'])
  migrate(db, { may: true, steps: [first, 'CREATE TABLE b (x)'] })
  expect(version(db)).toBe(2)
})

test('a catalog that is behind is refused, and not touched, where it may not be changed', () => {
  const db = new DatabaseSync(':memory:')
  migrate(db, { may: true, steps: ['CREATE TABLE a (x)'] })
  const steps = ['CREATE TABLE a (x)', 'CREATE TABLE b (x)']
  expect(() => migrate(db, { may: false, steps })).toThrow(/version 1: start the server once/)
  expect(tables(db)).toEqual(['a'])
  migrate(db, { may: false, steps: ['CREATE TABLE a (x)'] })
})

test('a catalog that is ahead is refused and not touched', () => {
  const db = new DatabaseSync(':memory:')
  migrate(db, { may: true, steps: ['CREATE TABLE a (x)', 'CREATE TABLE b (x)'] })
  expect(() => migrate(db, { may: true, steps: ['CREATE TABLE a (x)'] })).toThrow(
    /version 2, this Pawl knows 1/,
  )
  expect(tables(db)).toEqual(['a', 'b'])
})
