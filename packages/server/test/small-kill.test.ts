import { expect, test } from 'vitest'
import { chance, contentOf, KIB } from './content.ts'
import { checked, type Pawl, startPawl } from './process.ts'
import { until } from './until.ts'
import { create, keepAlive, offsetOf, patch, sha256Of } from './wire.ts'

const KILLS = 4
const CLIENTS = 12

interface Sent {
  readonly url: string
  readonly size: number
  readonly seed: number
  acknowledged: boolean
}

test(`small uploads: after ${KILLS} kill -9 every one that was acknowledged is whole, and no other is half`, {
  timeout: 180_000,
}, async () => {
  const luck = chance('small uploads')
  const pawl = await startPawl()
  const sent: Sent[] = []
  try {
    for (let round = 0; round < KILLS; round += 1) {
      const already = acknowledged(sent)
      const wanted = luck.between(1, 60)
      const clients = Array.from({ length: CLIENTS }, (_, client) =>
        sendOn(pawl, sent, luck.between(1, 1e9) + client),
      )
      await until('some are acknowledged', () => acknowledged(sent) >= already + wanted)
      await pawl.kill()
      await Promise.all(clients)
      await pawl.restart()
      for (const upload of sent.slice(-30)) await expectWhole(upload)
    }
    for (const upload of sent) await expectWhole(upload)
    expect(acknowledged(sent)).toBeGreaterThan(KILLS)
    // Dead pieces lie in the packs of every process that was killed: nothing of that is a finding.
    await pawl.terminate()
    expect(await checked(pawl.dataDir)).toMatch(/ 0 findings\n$/)
  } finally {
    await pawl.stop()
  }
})

const acknowledged = (sent: readonly Sent[]): number => sent.filter((upload) => upload.acknowledged).length

/** Uploads one small body after the other until the server dies. */
async function sendOn(pawl: Pawl, sent: Sent[], first: number): Promise<void> {
  const agent = keepAlive()
  try {
    for (let seed = first; ; seed += 1) {
      const size = 1 + (seed % (20 * KIB))
      const upload: Sent = { url: await create(pawl.url, size), size, seed, acknowledged: false }
      sent.push(upload)
      const reply = await patch(upload.url, 0, bytesOf(upload), agent)
      if (reply.status !== 204) return
      upload.acknowledged = true
    }
  } catch {
    // The server was killed.
  } finally {
    agent.destroy()
  }
}

function bytesOf({ seed, size }: Sent): Buffer {
  return contentOf(`small ${seed}`).bytes(0, size)
}

async function expectWhole(upload: Sent): Promise<void> {
  const { url, size, seed } = upload
  const offset = await offsetOf(url)
  if (upload.acknowledged) expect(offset).toBe(size)
  if (offset < size) {
    // Not published: whatever is there is a beginning, and the client goes on from it.
    expect((await patch(url, offset, bytesOf(upload).subarray(offset))).status).toBe(204)
    upload.acknowledged = true
  }
  expect(await sha256Of(url)).toBe(contentOf(`small ${seed}`).sha256(size))
}
