import { expect, it } from 'vitest'
import { deskOf, UploadControl } from '../control.ts'
import { lend } from './lend.ts'
import { Progress } from './progress.ts'

it('lends memory again that came back, to one upload only', () => {
  const progress = () => new Progress(deskOf(new UploadControl()), 100, undefined)
  const [one, other] = [progress(), progress()]
  const borrow = (upload: Progress, size: number) => {
    const backs: (() => void)[] = []
    const bytes = lend(upload, size, backs)
    return { bytes, back: () => backs.forEach((back) => void back()) }
  }
  const first = borrow(one, 10)
  expect(borrow(one, 10).bytes.buffer).not.toBe(first.bytes.buffer)
  first.back()
  expect(borrow(other, 10).bytes.buffer).not.toBe(first.bytes.buffer)
  const third = borrow(one, 4)
  expect([third.bytes.length, third.bytes.buffer]).toEqual([4, first.bytes.buffer])
  third.back()
  expect(borrow(one, 11).bytes.length).toBe(11)
  expect(borrow(one, 10).bytes.buffer).toBe(first.bytes.buffer)
})
