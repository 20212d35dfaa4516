import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MalformedHeader } from './malformed.ts'

test('a malformed header says its name, what is expected and what came', () => {
  const error = new MalformedHeader('Upload-Offset', 'must be a number', '1e3')
  expect(error).toBeInstanceOf(Error)
  expect(error.name).toBe('MalformedHeader')
  expect(error.header).toBe('Upload-Offset')
  expect(error.message).toBe('Upload-Offset must be a number; got "1e3"')
})

test('a missing header is told without quoting anything', () => {
  expect(new MalformedHeader('Upload-Offset', 'is missing').message).toBe('Upload-Offset is missing')
})

test('control characters, quotes and non-ASCII text come escaped', () => {
  const received = 'a\r\n\u001b[2J\u009b"\\é\u202e'
  expect(new MalformedHeader('X', 'is wrong', received).message).toBe(
    'X is wrong; got "a\\u000d\\u000a\\u001b[2J\\u009b\\"\\\\\\u00e9\\u202e"',
  )
})

test('sixty characters are repeated whole, the sixty-first is cut', () => {
  expect(new MalformedHeader('X', 'is wrong', 'a'.repeat(60)).message).toBe(
    `X is wrong; got "${'a'.repeat(60)}"`,
  )
  expect(new MalformedHeader('X', 'is wrong', 'a'.repeat(61)).message).toBe(
    `X is wrong; got "${'a'.repeat(60)}…"`,
  )
})

test('whatever was received, the message stays short and on one line', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 5000 }), (received) => {
      const message = new MalformedHeader('X', 'is wrong', received).message
      expect(message).toMatch(/^X is wrong; got "[\x20-\x7e]{0,60}…?"$/)
    }),
    { numRuns: 2000 },
  )
})
