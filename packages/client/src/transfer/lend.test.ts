import { expect, it } from 'vitest'
import { deskOf, UploadControl } from '../control.ts'
import { lend, readLent } from './lend.ts'
import { Pace } from './pace.ts'
import type { Road } from './payload.ts'
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

it('reads the next piece ahead, and another one when the upload goes on elsewhere', async () => {
  const body = Uint8Array.from({ length: 100 }, (_, i) => i)
  const reads: number[] = []
  const road: Road = {
    source: {
      size: body.length,
      read: async (start, end) => body.slice(start, end),
      readInto: async (buffer, start) => {
        reads.push(start)
        buffer.set(body.subarray(start, start + buffer.length))
        return buffer.length
      },
    },
    grid: undefined,
    pace: new Pace(() => undefined),
    progress: new Progress(deskOf(new UploadControl()), 100, undefined),
    memory: undefined,
  }
  const take = async (start: number, size: number, ahead: number) => {
    const backs: (() => void)[] = []
    const bytes = Uint8Array.from(await readLent(road, start, size, backs, ahead))
    for (const back of backs) back()
    return bytes
  }
  expect(await take(0, 10, 10)).toEqual(body.slice(0, 10))
  expect(reads).toEqual([0, 10])
  expect(await take(10, 10, 20)).toEqual(body.slice(10, 20))
  expect(reads).toEqual([0, 10, 20])
  // The server went back.
  expect(await take(15, 20, 20)).toEqual(body.slice(15, 35))
  expect(await take(35, 20, 0)).toEqual(body.slice(35, 55))
  expect(reads).toEqual([0, 10, 20, 15, 35])
})

it('tells of a failure ahead only with the piece that it is about', async () => {
  const road: Road = {
    source: {
      size: 20,
      read: async () => new Uint8Array(10),
      readInto: async (buffer, start) => {
        if (start > 0) throw new Error('the disk is gone')
        return buffer.length
      },
    },
    grid: undefined,
    pace: new Pace(() => undefined),
    progress: new Progress(deskOf(new UploadControl()), 20, undefined),
    memory: undefined,
  }
  expect((await readLent(road, 0, 10, [], 10)).length).toBe(10)
  await expect(readLent(road, 10, 10, [], 0)).rejects.toThrow('the disk is gone')
})
