import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { sampleUpload } from '../catalog/sample-records.ts'
import { type PawlEvent, uploadCreated } from './event.ts'
import { Listeners } from './listeners.ts'
import { Progress } from './progress.ts'

function newListeners() {
  const lines: string[] = []
  const log = pino({ level: 'error' }, { write: (line: string) => void lines.push(line) })
  let asked = 0
  const listeners = new Listeners(log, () => {
    asked += 1
  })
  return { listeners, lines, asked: () => asked }
}

test('a listener hears its type, one for * hears all, and neither hears anything after its end', async () => {
  const { listeners, asked } = newListeners()
  const heard: string[] = []
  expect(asked()).toBe(0)
  const off = listeners.on('upload.created', ({ type }) => heard.push(type))
  const offAll = listeners.on('*', ({ type }) => heard.push(`* ${type}`))
  listeners.on('upload.expired', ({ type }) => heard.push(type))
  expect(asked()).toBe(1)
  listeners.tell(uploadCreated(sampleUpload()))
  expect(heard).toEqual([])
  await turn()
  expect(heard).toEqual(['upload.created', '* upload.created'])
  off()
  offAll()
  listeners.tell(uploadCreated(sampleUpload()))
  await turn()
  expect(heard).toHaveLength(2)
})

test('a listener that throws or rejects is logged and keeps nothing from the others', async () => {
  const { listeners, lines } = newListeners()
  const heard: string[] = []
  listeners.on('*', () => {
    throw new Error('thrown')
  })
  listeners.on('*', async () => {
    throw new Error('rejected')
  })
  listeners.on('*', ({ type }) => heard.push(type))
  listeners.tell(uploadCreated(sampleUpload()))
  await turn()
  await turn()
  expect(heard).toEqual(['upload.created'])
  expect(lines.map((line) => JSON.parse(line).err.message)).toEqual(['thrown', 'rejected'])
})

test('progress is told at most four times a second per upload, and the newest of each quarter', async () => {
  const { listeners } = newListeners()
  const heard: PawlEvent[] = []
  const progress = new Progress(listeners, Date.now)
  const [one, other] = [sampleUpload(), sampleUpload()]
  progress.note(one, 1)
  listeners.on('upload.progressed', (event) => heard.push(event))
  for (let offset = 2; offset <= 100; offset += 1) progress.note(one, offset)
  progress.note(other, 7)
  await turn()
  const offsets = () => heard.map(({ data }) => ('offset' in data ? data.offset : undefined))
  expect(offsets()).toEqual([2, 7])
  await sleep(300)
  expect(offsets()).toEqual([2, 7, 100])
  progress.note(one, 101)
  progress.forget(one.id)
  await sleep(300)
  expect(offsets()).toEqual([2, 7, 100])
})
