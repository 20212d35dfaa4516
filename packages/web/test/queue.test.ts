import { beforeEach, expect, test } from 'vitest'
import { createQueue, mostActive, type Queue } from '../src/queue.ts'
import type { Row } from '../src/row.ts'
import type { Inspection, Report, Tell } from '../src/uploader.ts'

/** A stand-in for the network: the test says what each transfer reports. */
interface FakeTransfer {
  readonly name: string
  readonly tell: (...reports: Report[]) => Promise<void>
  stopped: boolean
}

let transfers: FakeTransfer[]
let discarded: string[]
let claimed: Set<string>
let elsewhere: Set<string>
let inspection: Inspection
let remembered: { fingerprint: string; name: string; size: number }[]
/** Holds back the end of every transfer until it resolves. */
let ending: Promise<void>
let queue: Queue

beforeEach(() => {
  transfers = []
  discarded = []
  claimed = new Set()
  elsewhere = new Set()
  inspection = { kind: 'unknown' }
  remembered = []
  ending = Promise.resolve()
  queue = createQueue({
    uploader: {
      start(file, _fingerprint, tell: Tell) {
        const transfer: FakeTransfer = {
          name: file.name,
          stopped: false,
          async tell(...reports) {
            for (const report of reports) tell(report)
            await settled()
          },
        }
        transfers.push(transfer)
        return {
          hurry: () => {},
          stop() {
            transfer.stopped = true
            return ending
          },
        }
      },
      inspect: () => Promise.resolve(inspection),
      discard: (fingerprint) => void discarded.push(fingerprint),
    },
    remembered: () => remembered,
    fingerprintOf: (file) =>
      file.name === 'unreadable'
        ? Promise.reject(new Error('no'))
        : Promise.resolve(`${file.name}/${file.size}`),
    claims: {
      claim: (fingerprint) =>
        Promise.resolve(!elsewhere.has(fingerprint) && claimed.add(fingerprint).has(fingerprint)),
      release: (fingerprint) => void claimed.delete(fingerprint),
      held: () => Promise.resolve(new Set([...claimed, ...elsewhere])),
    },
    now: () => 0,
  })
})

const file = (name: string, size = 100) => new File([new Uint8Array(size)], name)
const settled = () => new Promise<void>((resolve) => setTimeout(resolve))
const rows = () => queue.snapshot().rows
const states = () => rows().map(({ state }) => state.kind)

function only(): Row {
  const [row] = rows()
  if (row === undefined) throw new Error('the list is empty')
  return row
}

function transfer(index: number): FakeTransfer {
  const found = transfers[index]
  if (found === undefined) throw new Error(`no transfer number ${index}`)
  return found
}

test('at most three uploads are active; the next one starts when a place is free', async () => {
  await queue.add(['a', 'b', 'c', 'd', 'e'].map((name) => file(name)))
  expect(mostActive).toBe(3)
  expect(states()).toEqual(['active', 'active', 'active', 'queued', 'queued'])
  await transfer(1).tell({ kind: 'done', url: 'u' })
  expect(states()).toEqual(['active', 'done', 'active', 'active', 'queued'])
  queue.pause(only().id)
  await settled()
  expect(states()).toEqual(['paused', 'done', 'active', 'active', 'active'])
  await transfer(2).tell({ kind: 'failed', words: 'no' })
  expect(states()).toEqual(['paused', 'done', 'failed', 'active', 'active'])
})

test('sent bytes never go back and never pass the size, except when the server has lost the upload', async () => {
  await queue.add([file('a')])
  await transfer(0).tell({ kind: 'accepted', bytes: 0 }, { kind: 'sent', bytes: 60 })
  await transfer(0).tell({ kind: 'accepted', bytes: 40 }, { kind: 'sent', bytes: 45 })
  expect(only()).toMatchObject({ sent: 60, accepted: 40 })
  await transfer(0).tell({ kind: 'sent', bytes: 5000 })
  expect(only()).toMatchObject({ sent: 100, state: { stage: { kind: 'finishing' } } })
  await transfer(0).tell({ kind: 'restarted' })
  expect(only()).toMatchObject({ sent: 0, accepted: 0 })
  expect(queue.snapshot().notice).toContain('begins again')
})

test('a paused upload hears nothing more, shows what the server holds, and resumes only after its end', async () => {
  const release = Promise.withResolvers<void>()
  ending = release.promise
  inspection = { kind: 'holds', bytes: 30 }
  await queue.add([file('a')])
  await transfer(0).tell({ kind: 'accepted', bytes: 0 }, { kind: 'sent', bytes: 50 })
  queue.pause(only().id)
  await transfer(0).tell({ kind: 'done', url: 'u' })
  expect(states()).toEqual(['paused'])
  queue.resume(only().id)
  expect(states()).toEqual(['queued'])
  expect(transfers).toHaveLength(1)
  queue.pause(only().id)
  release.resolve()
  await settled()
  expect(only()).toMatchObject({ accepted: 30, sent: 50, state: { kind: 'paused' } })
  queue.resume(only().id)
  expect(states()).toEqual(['active'])
  expect(transfers).toHaveLength(2)
})

test('cancel ends the transfer first, then discards; the same file added meanwhile waits for that', async () => {
  const release = Promise.withResolvers<void>()
  ending = release.promise
  await queue.add([file('a')])
  queue.cancel(only().id)
  expect(rows()).toEqual([])
  expect(transfer(0).stopped).toBe(true)
  expect(discarded).toEqual([])
  await queue.add([file('a')])
  expect(states()).toEqual(['queued'])
  release.resolve()
  await settled()
  expect(discarded).toEqual(['a/100'])
  expect(states()).toEqual(['active'])
  expect(transfers).toHaveLength(2)
})

test('after a reload an unfinished upload waits for its file; another one with its name is a new upload', async () => {
  remembered = [{ fingerprint: 'a/100', name: 'a', size: 100 }]
  inspection = { kind: 'holds', bytes: 70 }
  await queue.refresh()
  expect(only()).toMatchObject({ accepted: 70, sent: 70, state: { kind: 'waiting' } })
  await queue.add([file('a', 99)])
  expect(states()).toEqual(['waiting', 'active'])
  expect(queue.snapshot().notice).toContain('not the file')
  await queue.add([file('a', 100)])
  expect(states()).toEqual(['active', 'active'])
  expect(queue.snapshot().notice).toBeNull()
})

test('what the server no longer has, or has whole, does not wait', async () => {
  remembered = [{ fingerprint: 'a/100', name: 'a', size: 100 }]
  inspection = { kind: 'gone' }
  await queue.refresh()
  expect(rows()).toEqual([])
  inspection = { kind: 'complete', url: 'u' }
  await queue.refresh()
  expect(states()).toEqual(['done'])
})

test('what another tab works on is not listed and not added', async () => {
  remembered = [{ fingerprint: 'a/100', name: 'a', size: 100 }]
  elsewhere.add('a/100')
  await queue.refresh()
  await queue.add([file('a')])
  expect(rows()).toEqual([])
  expect(queue.snapshot().notice).toContain('another tab')
  elsewhere.clear()
  await queue.refresh()
  expect(states()).toEqual(['waiting'])
  elsewhere.add('a/100')
  await queue.refresh()
  expect(rows()).toEqual([])
})

test('the same file twice is one upload, until it is done', async () => {
  await queue.add([file('a'), file('a')])
  expect(states()).toEqual(['active'])
  queue.pause(only().id)
  await settled()
  await queue.add([file('a')])
  expect(states()).toEqual(['active'])
  await transfer(1).tell({ kind: 'done', url: 'u' })
  await queue.add([file('a')])
  expect(states()).toEqual(['done', 'active'])
})

test('a key is asked for once, and whatever waits for it goes on', async () => {
  await queue.add([file('a'), file('b')])
  await transfer(0).tell({ kind: 'key', words: 'key, please' })
  await transfer(1).tell({ kind: 'key', words: 'key, please' })
  expect(states()).toEqual(['locked', 'locked'])
  expect(queue.snapshot().keyWanted).toBe('key, please')
  queue.unlock()
  expect(states()).toEqual(['active', 'active'])
  expect(queue.snapshot().keyWanted).toBeNull()
})

test('a file that cannot be read is named and does not stop the others', async () => {
  await queue.add([file('unreadable'), file('b')])
  expect(rows().map(({ name }) => name)).toEqual(['b'])
  expect(queue.snapshot().notice).toContain('unreadable')
})

test('a row that did not change keeps its identity', async () => {
  await queue.add([file('a'), file('b')])
  const [before] = rows()
  await transfer(1).tell({ kind: 'accepted', bytes: 0 }, { kind: 'sent', bytes: 50 })
  expect(rows()[0]).toBe(before)
  expect(rows()[1]?.sent).toBe(50)
})
