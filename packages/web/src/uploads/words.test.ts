import { FilesError } from 'pawl'
import type { UploadView } from 'pawl/react'
import { expect, test } from 'vitest'
import { totalsOf } from './totals.ts'
import { announcement, errorWords, statusWords } from './words.ts'

function view(change: Partial<UploadView>): UploadView {
  return {
    id: 'a',
    key: 'a.bin',
    name: 'a.bin',
    status: 'uploading',
    phase: 'sending',
    loaded: 0,
    sent: 0,
    total: 10_000_000,
    speed: 0,
    eta: undefined,
    error: undefined,
    result: undefined,
    file: undefined,
    needs: 'nothing',
    waiting: undefined,
    pause() {},
    resume() {},
    hurry() {},
    async abort() {},
    ...change,
  }
}

const now = (seconds: number, speed: number | undefined, online = true) => ({ seconds, speed, online })

test('a row says how far it is, how fast, and how long still', () => {
  expect(statusWords(view({ sent: 4_000_000 }), now(0, 2_000_000))).toEqual({
    left: '4 of 10 MB',
    right: '2 MB/s · 3 s left',
  })
  expect(statusWords(view({ sent: 4_000_000 }), now(0, 0.2)).right).toBe('Stalled')
  expect(statusWords(view({ phase: 'verifying' }), now(0, undefined)).right).toBe('Connecting …')
  expect(statusWords(view({ sent: 10_000_000 }), now(0, 1)).right).toBe('Finishing …')
  expect(statusWords(view({ status: 'paused', loaded: 4_000_000 }), now(0, undefined))).toEqual({
    left: '4 of 10 MB safe on the server',
    right: 'Paused',
  })
  expect(statusWords(view({ status: 'interrupted', needs: 'file' }), now(0, undefined)).left).toBe(
    'Choose the file again to go on',
  )
})

test('while it waits for the next try it says why, and how long', () => {
  const error = new FilesError('Provider', 'no connection')
  expect(statusWords(view({ waiting: { error, until: 0 } }), now(4, 1))).toEqual({
    left: 'The server does not answer',
    right: 'Next try in 4 s',
  })
})

test.each([
  [new FilesError('Unauthorized', 'x', undefined, { status: 401 }), 'This server asks for a key'],
  [
    new FilesError('Unauthorized', 'x', undefined, { status: 403 }),
    'This server does not allow that with this key',
  ],
  [new FilesError('Provider', 'x', undefined, { status: 413 }), 'The file is larger than this server takes'],
  [new FilesError('Provider', 'x', undefined, { status: 503 }), 'The server has a problem (503)'],
  [new FilesError('Provider', 'x'), 'The server does not answer'],
  [new FilesError('Conflict', 'another tab is sending this file'), 'Another tab is sending this file'],
])('%s is said as “%s”', (error, words) => {
  expect(errorWords(error)).toBe(words)
})

test('each upload counts where it stands', () => {
  const uploads = [
    view({ sent: 5, total: 10 }),
    view({ status: 'queued', total: 10 }),
    view({ status: 'completed', sent: 10, total: 10 }),
    view({ status: 'interrupted', needs: 'file', total: 10 }),
    view({ status: 'interrupted', needs: 'permission', total: 10 }),
    view({ status: 'error', total: 10 }),
  ]
  expect(totalsOf(uploads)).toEqual({
    count: 6,
    done: 1,
    failed: 1,
    busy: 2,
    sending: 1,
    paused: 0,
    asking: 1,
    missing: 1,
    sent: 15,
    size: 60,
  })
})

test('what ended or failed is announced once, and nothing that a list began with', () => {
  const before = new Map([['a', view({})]])
  expect(announcement(before, [view({ status: 'completed' })])).toBe('a.bin is uploaded.')
  expect(announcement(before, [view({})])).toBeUndefined()
  expect(announcement(new Map(), [view({ status: 'completed' })])).toBeUndefined()
  const error = new FilesError('Provider', 'x', undefined, { status: 413 })
  expect(announcement(before, [view({ status: 'error', error })])).toBe(
    'a.bin: The file is larger than this server takes',
  )
  const many = [view({ status: 'completed' }), view({ id: 'b', status: 'completed' })]
  expect(announcement(before, many)).toBe('All 2 uploads have ended.')
})
