import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { randomBytes } from '../../test/bodies.ts'
import { FilesError } from '../errors.ts'
import { cellSizeFor } from './cells.ts'
import { Grid } from './grid.ts'

const MIB = 2 ** 20
const body = randomBytes(3 * MIB + 12_345)

it('knows the CRC of the whole body when it was read in pieces, in any order of whole cells', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 600_000 }), { minLength: 1, maxLength: 20 }), (steps) => {
      const grid = new Grid(body.length)
      for (let at = 0, i = 0; at < body.length; i++) {
        const step = steps[i % steps.length] ?? 1
        grid.add(at, body.subarray(at, at + step))
        at += step
      }
      expect(grid.whole()).toBe(crc32(body))
    }),
    { numRuns: 30 },
  )
  const backwards = new Grid(body.length)
  for (const start of [3, 2, 1, 0]) backwards.add(start * MIB, body.subarray(start * MIB, (start + 1) * MIB))
  expect(backwards.whole()).toBe(crc32(body))
})

it('goes through the token unchanged, holes included', () => {
  const grid = new Grid(body.length)
  grid.add(0, body.subarray(0, MIB))
  grid.add(2 * MIB, body.subarray(2 * MIB))
  const copy = new Grid(body.length, grid.toRuns())
  expect(copy.unknown()).toEqual([1])
  expect(copy.cell(0)).toBe(crc32(body.subarray(0, MIB)))
  expect(copy.cell(3)).toBe(crc32(body.subarray(3 * MIB)))
  expect(copy.whole()).toBeUndefined()
})

it('notices that a cell reads differently the second time', () => {
  const grid = new Grid(body.length)
  grid.add(0, body.subarray(0, MIB))
  const changed = body.slice(0, MIB)
  changed[500_000] = (changed[500_000] ?? 0) ^ 1
  expect(() => grid.add(0, changed)).toThrow(FilesError)
})

it('goes on in a cell whose piece was sent twice', () => {
  const grid = new Grid(body.length)
  grid.add(0, body.subarray(0, 700_000))
  grid.add(700_000, body.subarray(700_000, 900_000))
  grid.add(700_000, body.subarray(700_000))
  expect(grid.whole()).toBe(crc32(body))
})

it('keeps the token small at any size', () => {
  for (const size of [1, MIB, 2 ** 34, 2 ** 34 + 1, 48.8 * 2 ** 40]) {
    expect(size / cellSizeFor(size)).toBeLessThanOrEqual(16_384)
  }
  // Every cell known, but for a hole where each of many lanes stands.
  const cells = 16_384
  const runs = Array.from({ length: 256 }, (_, lane): [number, string] => [
    lane * 64,
    Buffer.alloc(63 * 4, 255).toString('base64'),
  ])
  const full = [[0, Buffer.alloc(cells * 4, 255).toString('base64')]] as const
  for (const known of [full, runs]) {
    const grid = new Grid(cells * MIB, known)
    expect(grid.toRuns()).toEqual(known)
    expect(JSON.stringify(grid.toRuns()).length).toBeLessThan(100 * 1024)
  }
})

it('refuses cells that do not belong to a body of this size', () => {
  expect(() => new Grid(MIB, [[0, 'AAAAAAAAAAA=']])).toThrow('token')
  expect(() => new Grid(MIB, [[-1, 'AAAAAA==']])).toThrow('token')
  expect(() => new Grid(MIB, [[0.5, 'AAAAAA==']])).toThrow('token')
})
