import { expect, test } from 'vitest'
import { dialectOf } from './dialect.ts'

test.each([
  ['5', 5],
  ['6', 6],
  ['8', 8],
  [' 9 ', 9],
  ['10;a', 10],
])('interop version %j is spoken', (value, interop) => {
  expect(dialectOf(value).interop).toBe(interop)
})

test.each([undefined, '', '3', '4', '7', '11', '8.0', '"8"', '?1', '8, 8', '-8', 'x'])(
  'interop version %j is answered as the newest text has it, without a 104',
  (value) => {
    expect(dialectOf(value)).toMatchObject({ interop: undefined, appendedStatus: 204, typedAppends: true })
  },
)

test('Upload-Limit is not there in version 5, and has another name for the lifetime in 6', () => {
  expect(dialectOf('5').limit({ maxAge: 1 })).toBeUndefined()
  expect(dialectOf('6').limit({ maxAge: 1 })).toBe('expires=1')
  expect(dialectOf('8').limit({ maxAge: 1 })).toBe('max-age=1')
  expect(dialectOf(undefined).limit({})).toBe('min-size=0')
})
