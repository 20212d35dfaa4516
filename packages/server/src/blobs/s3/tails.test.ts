import { expect, test } from 'vitest'
import { newSegmentId } from '../blob-store.ts'
import { sampleBytes } from '../sample-bytes.ts'
import type { Bucket } from './bucket.ts'
import { Gathered } from './gathered.ts'
import { partSizes } from './part-plan.ts'
import { Tails } from './tails.ts'

test('what is remembered of tails takes as much memory as is counted, whatever they were gathered in', async () => {
  const bucket: Pick<Bucket, 'put'> = { put: async () => {} }
  const tails = new Tails(bucket as Bucket)
  const segment = newSegmentId()
  const stored = { session: undefined, inParts: 0, tail: undefined, modifiedAt: 0, sealed: false }
  for (const length of [1, 70_000, 1_100_000]) {
    const gathered = new Gathered()
    gathered.add(sampleBytes(length), partSizes(1))
    const tail = await tails.store(
      { segment, fence: 1, stored, numbers: { first: 1, count: 8 } },
      gathered.all(),
    )
    const remembered = await tails.load(tail)
    expect(sampleBytes(length).equals(remembered)).toBe(true)
    expect(remembered.buffer.byteLength).toBe(length)
  }
})
