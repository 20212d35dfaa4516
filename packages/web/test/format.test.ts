import { expect, test } from 'vitest'
import { extensionOf, formatBytes, formatDuration, formatPortion, percentOf } from '../src/format.ts'

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1 kB'],
  [1234, '1.2 kB'],
  [9_960, '10 kB'],
  [999_400, '999 kB'],
  [999_960, '1 MB'],
  [31_457_280, '31 MB'],
  [2_147_483_648, '2.1 GB'],
  [5e15, '5 PB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text)
})

test('a portion names a shared unit once', () => {
  expect(formatPortion(12_000_000, 31_000_000)).toBe('12 of 31 MB')
  expect(formatPortion(900_000, 31_000_000)).toBe('900 kB of 31 MB')
})

test.each([
  [0, '1 s'],
  [4.2, '5 s'],
  [60, '1 min'],
  [3_600, '1 h'],
  [3_900, '1 h 5 min'],
  [300_000, '3 d'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text)
})

test('100 per cent is shown only for what the server has confirmed', () => {
  expect(percentOf(1000, 1000, false)).toBe(99)
  expect(percentOf(2000, 1000, false)).toBe(99)
  expect(percentOf(1000, 1000, true)).toBe(100)
  expect(percentOf(0, 0, false)).toBe(0)
  expect(percentOf(0, 0, true)).toBe(100)
})

test('a tile shows a short ending and nothing else', () => {
  expect(extensionOf('a.tar.gz')).toBe('GZ')
  expect(extensionOf('README')).toBe('')
  expect(extensionOf('a.<b>')).toBe('')
})
