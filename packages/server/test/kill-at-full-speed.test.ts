import { open, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type Chance, type Content, chance, contentOf, KIB, MIB, pieces } from './content.ts'
import { type Pawl, startPawl } from './process.ts'
import { idIn, readCatalog } from './segments.ts'
import { until } from './until.ts'
import { beginPatch, create, head, offsetOf, patch, remove, sha256Of } from './wire.ts'

/** An even number; PAWL_TEST_KILLS sets it, and `npm run test:soak` takes many more. */
const KILLS = Number(process.env.PAWL_TEST_KILLS ?? 40)
/** Servers killed side by side, each with a data folder of its own: starting takes longer than writing. */
const LANES = 2

/** One upload as its client knows it. */
interface Client {
  readonly url: string
  readonly size: number
  readonly content: Content
  /** The largest offset that an answer named. */
  acknowledged: number
}

test(`no byte below an offset is lost or wrong after ${KILLS} kill -9 at full speed`, {
  timeout: 300_000,
}, async () => {
  const luck = chance('kills at full speed')
  const lanes = Array.from({ length: LANES }, (_, i) => killAgainAndAgain(luck, i, KILLS / LANES))
  const tallies = await Promise.all(lanes)
  const sum = (pick: (tally: Tally) => number): number => tallies.reduce((all, tally) => all + pick(tally), 0)
  console.log(
    `${sum((t) => t.kills)} kills, ${sum((t) => t.midway)} uploads caught in mid-write, ` +
      `${Math.round(sum((t) => t.compared) / MIB)} MiB read back, ${sum((t) => t.finished)} uploads finished, ` +
      `${Math.round(sum((t) => t.unacknowledged) / MIB)} MiB kept that nobody had been told of`,
  )
  expect(sum((tally) => tally.kills)).toBe(KILLS)
  // Otherwise the kills came too late or too early to show anything.
  expect(sum((tally) => tally.midway)).toBeGreaterThan(KILLS / 2)
})

interface Tally {
  kills: number
  midway: number
  compared: number
  finished: number
  unacknowledged: number
}

async function killAgainAndAgain(luck: Chance, lane: number, kills: number): Promise<Tally> {
  const tally: Tally = { kills: 0, midway: 0, compared: 0, finished: 0, unacknowledged: 0 }
  const pawl = await startPawl()
  const places = new Map<string, string>()
  let clients: Client[] = []
  let made = 0
  try {
    // Who is killed leaves no compiled sources behind for the next start.
    await pawl.terminate()
    await pawl.restart()
    for (let round = 0; round < kills; round += 1) {
      const wanted = luck.between(1, 4)
      while (clients.length < wanted) {
        const size = luck.between(MIB, 10 * MIB)
        const content = contentOf(`${luck.seed}/${lane}/${made}`)
        clients.push({ url: await create(pawl.url, size), size, content, acknowledged: 0 })
        made += 1
      }
      await killWhileSending(pawl, clients, luck)
      tally.kills += 1
      if (clients.some((client) => !places.has(idIn(client.url)))) {
        for (const [id, path] of (await readCatalog(pawl.dataDir)).segments) places.set(id, path)
      }
      await pawl.restart()
      const going: Client[] = []
      for (const client of clients) {
        const offset = await offsetOf(client.url)
        expect(offset, `${client.url} after ${client.acknowledged} were acknowledged`).toBeGreaterThanOrEqual(
          client.acknowledged,
        )
        await compare(places.get(idIn(client.url)) ?? '', client, offset)
        tally.compared += offset
        tally.unacknowledged += offset - client.acknowledged
        if (offset > 0 && offset < client.size) tally.midway += 1
        client.acknowledged = offset
        if (offset < client.size) going.push(client)
        else {
          expect(await sha256Of(client.url)).toBe(client.content.sha256(client.size))
          tally.finished += 1
        }
      }
      clients = going
      // Room for fresh ones, so that every stretch of an upload is killed in.
      const oldest = clients[0]
      if (clients.length > 2 && oldest !== undefined) {
        await finish(oldest)
        tally.finished += 1
        clients.shift()
      }
    }
    for (const client of clients) await finish(client)
    tally.finished += clients.length
    return tally
  } finally {
    await pawl.stop()
  }
}

/** All clients send as fast as they can until a number of bytes was sent, drawn by lot; then the server dies. */
async function killWhileSending(pawl: Pawl, clients: readonly Client[], luck: Chance): Promise<void> {
  const left = clients.reduce((sum, client) => sum + client.size - client.acknowledged, 0)
  const killAt = luck.between(1, Math.max(1, Math.round(left * 0.9)))
  let sent = 0
  let alive = true
  const onSent = (count: number): void => {
    sent += count
  }
  const senders = clients.map((client) => {
    const step = luck.between(0, 1) === 0 ? client.size : luck.between(64 * KIB, 2 * MIB)
    return sendAll(client, step, onSent, () => alive).catch(() => {})
  })
  const watchers = clients.map(async (client) => {
    while (alive) {
      const reply = await head(client.url).catch(() => undefined)
      if (reply?.status === 200) acknowledge(client, Number(reply.headers['upload-offset']))
      await sleep(20)
    }
  })
  await until(`${killAt} bytes are sent`, () => sent >= killAt)
  alive = false
  await pawl.kill()
  await Promise.all([...senders, ...watchers])
}

/** Sends in requests of `step` bytes; what their answers say is what must never be lost. */
async function sendAll(
  client: Client,
  step: number,
  onSent: (count: number) => void,
  alive: () => boolean,
): Promise<void> {
  let offset = client.acknowledged
  while (offset < client.size && alive()) {
    const end = Math.min(client.size, offset + step)
    const sending = beginPatch(client.url, offset, end - offset)
    for (const [from, to] of pieces(offset, end, 256 * KIB)) {
      await sending.write(client.content.bytes(from, to))
      onSent(to - from)
    }
    sending.request.end()
    const reply = await sending.reply
    if (reply.status !== 204) throw new Error(`PATCH answered ${reply.status}`)
    offset = Number(reply.headers['upload-offset'])
    acknowledge(client, offset)
  }
}

function acknowledge(client: Client, offset: number): void {
  client.acknowledged = Math.max(client.acknowledged, offset)
}

async function compare(path: string, { content, url }: Client, offset: number): Promise<void> {
  // The first bytes make the file.
  if (offset === 0) return
  expect((await stat(path)).size, 'the length of the file is the offset').toBe(offset)
  const file = await open(path)
  try {
    for (const [start, end] of pieces(0, offset)) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(end - start), 0, end - start, start)
      if (bytesRead === end - start && buffer.equals(content.bytes(start, end))) continue
      throw new Error(`${url} holds other bytes than were sent, between ${start} and ${end} of ${offset}`)
    }
  } finally {
    await file.close()
  }
}

async function finish({ url, content, size }: Client): Promise<void> {
  const offset = await offsetOf(url)
  const reply = await patch(url, offset, content.bytes(offset, size))
  expect(reply.status).toBe(204)
  expect(await sha256Of(url)).toBe(content.sha256(size))
  expect((await remove(url)).status, 'a complete upload is no longer deleted').toBe(403)
}
