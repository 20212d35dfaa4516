import { expect, test } from 'vitest'
import { type Flight, heard, listed, settled } from './flights.ts'

const flight: Flight = {
  id: '1',
  face: 'files',
  state: 'open',
  bucket: 'files',
  key: '1',
  name: 'a.mov',
  size: 100,
  offset: 10,
  rate: null,
  owner: { role: 'anon' },
  createdAt: '2026-01-01T00:00:00.000Z',
}
const event = (type: string, data: object) => ({
  id: 'evt_1',
  type,
  timestamp: flight.createdAt,
  data: { upload: '1', ...data },
})

test('progress moves the offset and gives the rate', () => {
  let flights = listed(new Map(), [flight], 1000)
  flights = heard(flights, event('upload.progressed', { offset: 30 }), 2000)
  expect(flights.get('1')).toMatchObject({ offset: 30, rate: 20 })
  flights = heard(flights, event('upload.progressed', { offset: 50 }), 2500)
  expect(flights.get('1')).toMatchObject({ offset: 50, rate: 26 })
  expect(settled(flights, 3000)).toBe(flights)
  expect(settled(flights, 9000).get('1')?.rate).toBeNull()
})

test('an upload that begins is shown with its file’s name and its owner, and one that ends is not', () => {
  const metadata = { filename: 'b.txt' }
  const owner = { role: 'authenticated', sub: 'ada' }
  const flights = heard(
    new Map(),
    event('upload.created', { bucket: 'files', key: 'k', size: 7, metadata, owner }),
    0,
  )
  expect(flights.get('1')).toMatchObject({ name: 'b.txt', size: 7, offset: 0, owner })
  for (const type of ['upload.completed', 'upload.cancelled', 'upload.expired', 'upload.failed'])
    expect(heard(flights, event(type, {}), 1).size).toBe(0)
})

test('a list that is older than what was heard does not take bytes back', () => {
  const flights = heard(listed(new Map(), [flight], 0), event('upload.progressed', { offset: 90 }), 10)
  expect(listed(flights, [flight], 20).get('1')?.offset).toBe(90)
  expect(listed(flights, [], 20).size).toBe(0)
})

test('events of objects change nothing', () => {
  const flights = listed(new Map(), [flight], 0)
  expect(heard(flights, { id: 'evt_1', type: 'object.removed', timestamp: '', data: { key: 'x' } }, 1)).toBe(
    flights,
  )
})
