import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { randomBytes, seeded } from '../../test/bodies.ts'
import { sha1 } from './sha1.ts'

it('comes to what the native hash comes to, whatever the size and however it is fed', () => {
  const random = seeded(3)
  for (const size of [0, 1, 54, 55, 56, 63, 64, 65, 119, 120, 128, 1000, 70_001]) {
    const bytes = randomBytes(size, size + 1)
    const hasher = sha1()
    for (let at = 0; at < size; ) {
      const end = Math.min(size, at + Math.floor(random() * 200))
      hasher.update(bytes.subarray(at, end))
      at = end
    }
    expect(Buffer.from(hasher.digest())).toEqual(createHash('sha1').update(bytes).digest())
  }
})
