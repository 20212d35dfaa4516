import { crc32 as native } from 'node:zlib'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { combineCrc32, crc32, peerCrc32, tableCrc32 } from './crc32.ts'

const table = tableCrc32()

it('gives the published check value', () => {
  const check = new TextEncoder().encode('123456789')
  expect(crc32(check)).toBe(0xcbf43926)
  expect(table(check, 0)).toBe(0xcbf43926)
})

it('the portable one and that of a peer agree with the native one and can be continued', () => {
  const peer = peerCrc32()
  if (!peer) throw new Error('@node-rs/crc32 is not installed')
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (a, b) => {
      const whole = native(Buffer.concat([a, b]))
      expect(table(b, table(a, 0))).toBe(whole)
      expect(peer(b, peer(a, 0))).toBe(whole)
      // A view that begins inside of its memory.
      expect(peer(new Uint8Array([...a, ...b]).subarray(a.length), peer(a, 0))).toBe(whole)
      expect(crc32(b, crc32(a))).toBe(whole)
    }),
  )
})

it('combines the CRCs of two stretches into that of both', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), fc.uint8Array({ maxLength: 5000 }), (a, b) => {
      expect(combineCrc32(native(a), native(b), b.length)).toBe(native(Buffer.concat([a, b])))
    }),
  )
})
