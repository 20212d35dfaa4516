import { expect, test } from 'vitest'
import { parseS3Address } from './s3-address.ts'

test('an address names a bucket, a prefix, and a server of one’s own', () => {
  expect(
    parseS3Address('s3://bytes/pawl/live?endpoint=http://10.0.0.1:9000&region=eu-1&forcePathStyle=true'),
  ).toEqual({
    bucket: 'bytes',
    prefix: 'pawl/live/',
    endpoint: 'http://10.0.0.1:9000',
    region: 'eu-1',
    forcePathStyle: true,
  })
})

test.each([['s3://bytes'], ['s3://bytes/'], ['s3://bytes//']])(
  '%s means the whole bucket of Amazon',
  (text) => {
    expect(parseS3Address(text)).toEqual({
      bucket: 'bytes',
      prefix: '',
      endpoint: undefined,
      region: undefined,
      forcePathStyle: false,
    })
  },
)

test.each([
  ['bytes', /s3:\/\/bucket/],
  ['https://bytes/', /s3:\/\/bucket/],
  ['s3://', /s3:\/\/bucket/],
  ['s3://Upper_Case/', /bucket's name/],
  ['s3://key:secret@bytes/', /without credentials/],
  ['s3://bytes/100%/', /% itself is %25/],
  ['s3://bytes/?endpoint=10.0.0.1', /endpoint begins with http/],
  ['s3://bytes/?pathStyle=true', /has no pathStyle/],
  ['s3://bytes/?forcePathStyle=yes', /true or false/],
])('%s is refused, and told how it must be', (text, how) => {
  expect(parseS3Address(text)).toEqual({ mustBe: expect.stringMatching(how) })
})
