import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { barLine, fitted, nameWidth } from './bar.ts'
import { bytes, duration, percent, printable } from './format.ts'

const paper = (columns: number) => ({ columns, unicode: true, style: (_: unknown, text: string) => text })
const facts = { loaded: 430, total: 1000, speed: 35_100_000, eta: 4.2, state: undefined }

describe('a bar', () => {
  test('leaves out what does not fit, the name and the percent last', () => {
    const line = (columns: number) => barLine({ ...facts, name: 'video.mp4' }, 9, paper(columns))
    expect(line(100)).toBe(
      `video.mp4  ${'━'.repeat(15)}${'─'.repeat(20)}   43 %     430 B of 1.00 kB  35.1 MB/s  0:05 left`,
    )
    expect(line(60)).toMatch(/^video\.mp4 {2}━+─+ {3}43 % {2}0:05 left$/)
    expect(line(20)).toBe('video.mp4   43 %')
  })

  test.each([10, 20, 33, 40, 60, 80, 100, 200])('fits into %i columns whatever the name', (columns) => {
    for (const name of ['a', 'photos/2024/'.repeat(20), '写真'.repeat(40), '👩‍👩‍👧'.repeat(30)]) {
      const width = nameWidth([name], columns)
      expect(stringWidth(barLine({ ...facts, name }, width, paper(columns)))).toBeLessThan(columns)
    }
  })

  test('of a name that is too long keeps its beginning and its end', () => {
    expect(fitted('photos/2024/picture.jpg', 12, paper(80))).toBe('photos…e.jpg')
  })
})

test('numbers are short and never say more than is there', () => {
  expect([0, 999, 1000, 999_499, 999_500, 12_345_678, 5e15].map(bytes)).toEqual([
    '0 B',
    '999 B',
    '1.00 kB',
    '999 kB',
    '1.00 MB',
    '12.3 MB',
    '5.00 PB',
  ])
  expect([0, 7, 59.2, 3600, 7384, 500_000].map(duration)).toEqual([
    '0:00',
    '0:07',
    '1:00',
    '1:00:00',
    '2:03:04',
    '6 d',
  ])
  expect([percent(999, 1000), percent(1000, 1000), percent(0, 0)]).toEqual([99, 100, 100])
})

test('a name cannot steer the terminal', () => {
  expect(printable('a\u001b[31mred\u0007\nb\u202egnp.exe')).toBe('ared??b?gnp.exe')
})
