import fc from 'fast-check'
import { expect, it } from 'vitest'
import { combineCrc64nvme, crc64nvme, shiftOf } from './crc64nvme.ts'

it('gives the published check value', () => {
  expect(crc64nvme(new TextEncoder().encode('123456789'))).toBe(0xae8b14860a799888n)
})

/** The test cases of the NVM Command Set Specification, each of 4096 bytes. */
it.each([
  ['zeros', () => 0, 0x6482d367eb22b64en],
  ['ones', () => 0xff, 0xc0ddba7302eca3acn],
  ['a rising sequence', (i: number) => i & 255, 0x3e729f5f6750449cn],
  ['a falling sequence', (i: number) => 255 - (i & 255), 0x9a2df64b8e9e517en],
])('gives the published value of %s', (_name, byte, expected) => {
  expect(crc64nvme(Uint8Array.from({ length: 4096 }, (_, i) => byte(i)))).toBe(expected)
})

it('can be continued anywhere, and combined', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), fc.uint8Array({ maxLength: 3000 }), (a, b) => {
      const whole = crc64nvme(new Uint8Array([...a, ...b]))
      expect(crc64nvme(b, crc64nvme(a))).toBe(whole)
      expect(combineCrc64nvme(crc64nvme(a), crc64nvme(b), shiftOf(b.length))).toBe(whole)
    }),
  )
})
