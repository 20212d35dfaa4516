/** One path and many uploads at once: exactly one wins, or the last one does, and a reader never sees a mix. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { chance } from '../../../test/content.ts'
import { type Reply, send } from '../testing/client.ts'
import { ok, type StorageServer, startStorage } from '../testing/storage.ts'
import { metadataHeader, patch, TUS } from '../testing/test-server.ts'

const ROUNDS = 150
const LENGTH = 3000

let server: StorageServer
beforeAll(async () => {
  server = await startStorage()
  await ok(server.admin.createBucket('race'))
})
afterAll(() => server.close())

test(`in ${ROUNDS} interleavings of 2 to 8 uploads without upsert exactly one succeeds, and the object is its bytes`, {
  timeout: 180_000,
}, async () => {
  const { between } = chance('races without upsert')
  for (let round = 0; round < ROUNDS; round += 1) {
    const name = `free-${round}`
    const uploads = await Promise.all(
      Array.from({ length: between(2, 8) }, async (_, i) => ({
        letter: letterOf(i),
        // Some come in one request, which creates and ends at once.
        finish:
          between(0, 3) === 0
            ? () => whole(name, letterOf(i), false)
            : await almost(name, letterOf(i), false),
      })),
    )
    const replies = await Promise.all(
      uploads.map(async ({ letter, finish }) => {
        await delay(between(0, 2))
        return { letter, reply: await finish() }
      }),
    )
    const won = replies.filter(({ reply }) => reply.status < 300)
    expect(won.length, replies.map(({ reply }) => reply.status).join()).toBe(1)
    for (const { reply } of replies) expect([200, 204, 409, 400]).toContain(reply.status)
    const object = await read(name)
    expect(object.text).toBe(won[0]?.letter.repeat(LENGTH))
    expect(object.headers.etag).toBe(won[0]?.reply.headers.etag)
  }
})

test('in 60 interleavings with upsert all succeed, and what is left is one of them, whole', {
  timeout: 180_000,
}, async () => {
  const { between } = chance('races with upsert')
  const name = 'taken'
  await whole(name, 'z', true)
  let reading = true
  const reader = (async () => {
    let reads = 0
    while (reading) {
      const { status, text } = await read(name)
      expect(status).toBe(200)
      expect(text).toBe((text[0] ?? '').repeat(LENGTH))
      reads += 1
    }
    return reads
  })()
  for (let round = 0; round < 60; round += 1) {
    const finishes = await Promise.all(
      Array.from({ length: between(2, 8) }, (_, i) => almost(name, letterOf(i), true)),
    )
    const replies = await Promise.all(finishes.map((finish) => finish()))
    for (const reply of replies) expect(reply.status).toBe(204)
    const object = await read(name)
    const last = replies.findIndex((reply) => reply.headers.etag === object.headers.etag)
    expect(object.text).toBe(letterOf(last).repeat(LENGTH))
  }
  reading = false
  expect(await reader).toBeGreaterThan(60)
})

test('of a move and another move or a removal of one object exactly one succeeds, and nothing moved is lost', async () => {
  const bucket = server.admin.from('race')
  for (let round = 0; round < 40; round += 1) {
    const [from, to, other] = [`from-${round}`, `to-${round}`, `other-${round}`]
    await ok(bucket.upload(from, 'x'))
    const [moved, also] = await Promise.all([
      bucket.move(from, to),
      round % 2 === 0 ? bucket.move(from, other) : bucket.remove([from]),
    ])
    const second = also.error === null && !(Array.isArray(also.data) && also.data.length === 0)
    expect([moved.error === null, second].filter(Boolean)).toHaveLength(1)
    expect((await bucket.info(to)).error === null).toBe(moved.error === null)
  }
})

test('two clients on one URL: one wins, the other gets 409 or finds it finished, and no byte is mixed up', {
  timeout: 120_000,
}, async () => {
  for (let round = 0; round < 40; round += 1) {
    const name = `url-${round}`
    const url = await create(name, false)
    const replies = await Promise.all(['a', 'b'].map((letter) => patch(url, 0, letter.repeat(LENGTH), key())))
    const statuses = replies.map(({ status }) => status).toSorted()
    expect(statuses).toEqual([204, 409])
    const { text } = await read(name)
    expect(text).toBe((text[0] ?? '').repeat(LENGTH))
  }
})

function letterOf(i: number): string {
  return String.fromCharCode(97 + i)
}

function key() {
  return { Authorization: `Bearer ${server.service}` }
}

function whole(name: string, letter: string, upsert: boolean): Promise<Reply> {
  const headers = { ...key(), 'x-upsert': String(upsert) }
  return send(`${server.base}/object/race/${name}`, 'POST', headers, letter.repeat(LENGTH))
}

async function create(objectName: string, upsert: boolean): Promise<string> {
  const reply = await send(`${server.base}/upload/resumable`, 'POST', {
    ...TUS,
    ...key(),
    'x-upsert': String(upsert),
    'Upload-Length': String(LENGTH),
    'Upload-Metadata': metadataHeader({ bucketName: 'race', objectName }),
  })
  if (reply.status !== 201) throw new Error(`creation was answered ${reply.status}: ${reply.text}`)
  return new URL(reply.headers.location ?? '', server.url).href
}

/** An upload that lacks its last byte only; what is returned sends it. */
async function almost(name: string, letter: string, upsert: boolean): Promise<() => Promise<Reply>> {
  const url = await create(name, upsert)
  const reply = await patch(url, 0, letter.repeat(LENGTH - 1), key())
  if (reply.status !== 204) throw new Error(`PATCH was answered ${reply.status}: ${reply.text}`)
  return () => patch(url, LENGTH - 1, letter, key())
}

function read(name: string): Promise<Reply> {
  return send(`${server.base}/object/race/${name}`, 'GET', key())
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
