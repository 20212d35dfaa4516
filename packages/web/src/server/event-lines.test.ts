import { expect, test } from 'vitest'
import { eventLines } from './event-lines.ts'

const stream = ':\n\nid: 1\nevent: upload.created\ndata: {"a":1}\n\n:\n\nid: 2\ndata: {"b":\ndata: 2}\n\n'

test('events are whole however the text is cut', () => {
  for (let size = 1; size <= stream.length; size += 1) {
    const take = eventLines()
    const found: string[] = []
    for (let at = 0; at < stream.length; at += size) found.push(...take(stream.slice(at, at + size)))
    expect(found).toEqual(['{"a":1}', '{"b":\n2}'])
  }
})

test('an event that has not ended is kept back', () => {
  const take = eventLines()
  expect(take('data: 1\n')).toEqual([])
  expect(take('\n')).toEqual(['1'])
})
