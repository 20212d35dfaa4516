import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { StrayPart } from '../../catalog/rescue.ts'
import { mixedIn, piecesOf } from './rescue-plan.ts'

const MIB = 2 ** 20
const LEAST = 5 * MIB

/** Numbers in ascending order, each a part that counts or a stray; what counts ends with one of any size. */
const uploads = fc
  .record({
    parts: fc.array(
      fc.record({
        gap: fc.integer({ min: 1, max: 9 }),
        length: fc.integer({ min: LEAST, max: 200 * MIB }),
        counts: fc.boolean(),
      }),
      { maxLength: 30 },
    ),
    end: fc.option(fc.integer({ min: 1, max: 4 * MIB })),
  })
  .map(({ parts, end }) => {
    let number = 0
    const all = parts.map(({ gap, length, counts }) => {
      number += gap
      return { number, length, counts }
    })
    if (end !== null) all.push({ number: 10_000, length: end, counts: true })
    return all
  })

test('pieces are what counts, in its order, without a byte of a stray', () => {
  fc.assert(
    fc.property(uploads, (all) => {
      // Where each part begins in the mixture.
      let at = 0
      const wanted: { from: number; to: number }[] = []
      for (const { length, counts } of all) {
        const last = wanted.at(-1)
        if (counts && last?.to === at) last.to += length
        else if (counts) wanted.push({ from: at, to: at + length })
        at += length
      }
      const pieces = piecesOf(
        all.filter(({ counts }) => counts),
        // Found in whatever order.
        all.filter(({ counts }) => !counts).reverse(),
      )
      const joined: { from: number; to: number }[] = []
      for (const { from, to } of pieces) {
        const last = joined.at(-1)
        if (last?.to === from) last.to = to
        else joined.push({ from, to })
      }
      expect(joined).toEqual(wanted)
      expect(pieces.map(({ number }) => number)).toEqual(pieces.map((_, i) => i + 1))
      for (const { from, to } of pieces.slice(0, -1)) expect(to - from).toBeGreaterThanOrEqual(LEAST)
    }),
  )
})

test('an upload of any size is copied in no more pieces than one object may have, each as large as S3 copies', () => {
  const most = (5 * 2 ** 40) / 5000
  const many = Array.from({ length: 9999 }, (_, i) => ({ number: i + 1, length: most }))
  const pieces = piecesOf(
    many.filter(({ number }) => number % 2 === 1),
    many.filter(({ number }) => number % 2 === 0),
  )
  expect(pieces.length).toBeLessThanOrEqual(10_000)
  expect(Math.max(...pieces.map(({ from, to }) => to - from))).toBeLessThanOrEqual(5 * 2 ** 30)
})

test('the length of a mixture says how many strays are in it', () => {
  const strays: StrayPart[] = [
    { number: 9, length: 5 },
    { number: 2, length: 5 },
    { number: 12, length: 7 },
  ]
  expect(mixedIn(100, strays, 105)).toEqual(strays.slice(0, 1))
  expect(mixedIn(100, strays, 110)).toEqual(strays.slice(0, 2))
  expect(mixedIn(100, strays, 117)).toEqual(strays)
  for (const none of [100, 104, 118]) expect(mixedIn(100, strays, none)).toBeUndefined()
})
