/** Sections "Upload Cancellation" and "Concurrency". */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import type { RawConnection } from '../testing/raw-connection.ts'
import {
  append,
  beginEmpty,
  beginSlowly,
  DRAFT,
  locationOf,
  look,
  offsetAt,
  problemIn,
  written,
} from '../testing/resumable.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

/** An append whose content stopped after `sent`, with the connection still open. */
async function hanging(url: string, offset: number, sent: string): Promise<RawConnection> {
  const connection = await beginSlowly(
    server,
    'PATCH',
    new URL(url).pathname,
    {
      'Content-Type': 'application/partial-upload',
      'Upload-Offset': String(offset),
      'Upload-Complete': '?0',
      'Content-Length': '1000000',
    },
    sent,
  )
  await written()
  return connection
}

describe('Upload Cancellation', () => {
  test('4.5.2: DELETE deactivates the upload', async () => {
    const url = await beginEmpty(server)
    await append(url, 0, '?0', 'hello')
    expect((await send(url, 'DELETE', DRAFT)).status).toBe(204)
    for (const reply of [await look(url), await append(url, 5, '?1'), await send(url, 'DELETE', DRAFT)])
      expect(reply.status).toBe(404)
  })

  test('4.5.2: DELETE ends requests under way first', async () => {
    const url = await beginEmpty(server)
    const older = await hanging(url, 0, 'hello')
    expect((await send(url, 'DELETE', DRAFT)).status).toBe(204)
    expect(await older.reply()).toBeUndefined()
    expect((await look(url)).status).toBe(404)
  })

  test('4.5.2: no redirect that a client would follow with another method', async () => {
    const url = await beginEmpty(server)
    for (const at of [`${url}/`, `${url}?x=1`, url.replace('/uploads/', '//uploads/'), url, url])
      expect([301, 302, 303]).not.toContain((await send(at, 'DELETE', DRAFT)).status)
  })

  test('of a creation under way, too', async () => {
    const older = await beginSlowly(
      server,
      'POST',
      '/files/',
      { 'Upload-Complete': '?1', 'Content-Length': '1000' },
      'hello',
    )
    const url = locationOf(server, { headers: (await older.reply())?.headers ?? {} })
    await written()
    expect((await send(url, 'DELETE', DRAFT)).status).toBe(204)
    expect(await older.reply()).toBeUndefined()
  })

  test('of an upload that is an object by now is refused: the object stays', async () => {
    const url = await beginEmpty(server)
    const done = await append(url, 0, '?1', 'hello')
    const reply = await send(url, 'DELETE', DRAFT)
    expect(reply.status).toBe(409)
    expect(problemIn(reply).type).toContain('#completed-upload')
    expect((await send(locationOf(server, done), 'GET')).text).toBe('hello')
  })
})

describe('Concurrency', () => {
  test.each(['HEAD', 'GET'])('4.6: a newer request ends the older one first: %s', async (method) => {
    const url = await beginEmpty(server)
    const older = await hanging(url, 0, 'hello')
    // Never silent for the half second after which a patient newcomer would end it.
    const dripping = setInterval(() => older.write('x'), 20)
    try {
      const offset = (await send(url, method, DRAFT)).headers['upload-offset']
      expect(Number(offset)).toBeGreaterThanOrEqual(5)
      expect(await older.reply()).toBeUndefined()
      // What it still sends is nobody's any more.
      expect(await offsetAt(url)).toBe(Number(offset))
      expect((await append(url, Number(offset), '?1', '!')).status).toBe(201)
    } finally {
      clearInterval(dripping)
    }
  })

  test('an append ends an older one at once, also one that is sending', async () => {
    const url = await beginEmpty(server)
    const older = await hanging(url, 0, 'hello')
    let sending = true
    const flood = (async () => {
      while (sending && !older.over) {
        older.write('x'.repeat(1000))
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
    })()
    const refused = await append(url, 0, '?1', 'other')
    expect(refused.status).toBe(409)
    const offset = Number(refused.headers['upload-offset'])
    expect(await older.reply()).toBeUndefined()
    sending = false
    await flood
    const reply = await append(url, offset, '?1', ' the end')
    const { text } = await send(locationOf(server, reply), 'GET')
    expect(text).toBe(`hello${'x'.repeat(offset - 5)} the end`)
  })

  test('4.6: requests at the same time neither lose nor mix bytes', async () => {
    const url = await beginEmpty(server)
    const replies = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        append(url, 0, '?0', String.fromCharCode(97 + i).repeat(50_000)).catch(() => undefined),
      ),
    )
    const offset = await offsetAt(url)
    const reply = await append(url, offset, '?1')
    const { text } = await send(locationOf(server, reply), 'GET')
    expect(text).toBe((text[0] ?? '').repeat(offset))
    expect(replies.filter((it) => it?.status === 204).length).toBeLessThanOrEqual(1)
    for (const it of replies) if (it !== undefined) expect([204, 409]).toContain(it.status)
  })

  test('looks and appends in any order leave an offset that can be relied on', async () => {
    const url = await beginEmpty(server)
    const content = 'abcdefghij'.repeat(3000)
    for (let sent = 0; sent < content.length; ) {
      const older = await hanging(url, sent, content.slice(sent, sent + 5000))
      const looks = await Promise.all([look(url), look(url), look(url)])
      const offsets = looks.map(({ headers }) => headers['upload-offset'])
      expect(new Set(offsets).size).toBe(1)
      sent = Number(offsets[0])
      older.destroy()
    }
    const reply = await append(url, content.length, '?1')
    expect((await send(locationOf(server, reply), 'GET')).text).toBe(content)
  })
})
