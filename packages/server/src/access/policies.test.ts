/** What rules cover when they say little. */
import { expect, test } from 'vitest'
import { allowsBy } from './policies.ts'

const anon = { role: 'anon' } as const
const reading = { action: 'select', key: 'x', size: 1, type: undefined, metadata: undefined } as const

test('a rule without a bucket is for every bucket but those of /files/ and of media files', async () => {
  const allows = allowsBy([{ action: 'select' }])
  expect(await allows(anon, { ...reading, bucket: 'photos', public: false })).toBe(true)
  for (const bucket of ['files', 'site-media']) {
    expect(await allows(anon, { ...reading, bucket, public: false })).toBe(false)
  }
  const named = allowsBy([{ action: 'select', bucket: ['photos', 'files'] }])
  expect(await named(anon, { ...reading, bucket: 'files', public: false })).toBe(true)
})

test.each(['$$', '$&', '$`', "$'"])('the folder of the user %s is that and no other', async (sub) => {
  const allows = allowsBy([{ action: 'select', prefix: '{sub}' }])
  const user = { role: 'authenticated', sub } as const
  const at = (key: string) => allows(user, { ...reading, key, bucket: 'photos', public: false })
  expect(await at(`${sub}/x`)).toBe(true)
  for (const key of ['$/x', '{sub}/x', 'ada/x', 'x']) expect(await at(key)).toBe(false)
})
