import { createHash } from 'node:crypto'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { chance, contentOf, GIB, MIB, pieces } from './content.ts'
import { startPawl } from './process.ts'
import { startTcpProxy } from './tcp-proxy.ts'
import { uploadWithTus } from './tus-client.ts'
import { until } from './until.ts'
import { sha256Of } from './wire.ts'

/** PAWL_TEST_FULL=1 sends the size that the promise names. */
const FULL = process.env.PAWL_TEST_FULL === '1'
const SIZE = FULL ? 2 * GIB + 123_457 : 256 * MIB + 123_457
const BYTES_PER_SECOND = 100e6
/** What a kill may cost: bytes on their way, sent and not yet written. */
const LOST_PER_KILL = 16 * MIB
const KILLS = 3

test('a file goes up through three kill -9 of the server, and almost nothing is sent twice', {
  timeout: FULL ? 300_000 : 60_000,
}, async () => {
  const { seed, between } = chance('kills')
  const folder = await mkdtemp(join(tmpdir(), 'pawl-source-'))
  const pawl = await startPawl()
  const proxy = await startTcpProxy(pawl.port, BYTES_PER_SECOND)
  try {
    const path = join(folder, 'source.bin')
    const digest = await writeSource(path, String(seed))
    const began = performance.now()
    const run = uploadWithTus(proxy.url, path)
    const story: string[] = []
    const urls = new Set<string>()
    const ended = run.done.then(
      () => 'done',
      (error: unknown) => error,
    )
    for (let kill = 0; kill < KILLS; kill += 1) {
      // Anywhere in its own third, short of the end.
      const third = SIZE / KILLS
      const at = Math.round(third * kill + (third * between(10, 80)) / 100)
      await until(`${at} bytes are sent`, () => run.sent >= at, FULL ? 120_000 : 30_000)
      await pawl.kill()
      urls.add(run.url ?? '')
      story.push(`killed at ${Math.round(performance.now() - began)} ms with ${proxy.bytes} bytes sent`)
      await pawl.restart()
    }
    expect(await ended).toBe('done')
    urls.add(run.url ?? '')
    const took = performance.now() - began
    const again = proxy.bytes - SIZE
    console.log(
      [
        ...story,
        `${SIZE} bytes in ${Math.round(took)} ms`,
        `sent in all ${proxy.bytes}, ${again} more than the size`,
        run.log.join(', '),
      ].join('\n'),
    )
    expect([...urls]).toEqual([run.url])
    expect(run.log.filter((line) => line.startsWith('POST'))).toEqual(['POST 201'])
    // Every byte that reached the server counts, headers too.
    expect(proxy.bytes).toBeGreaterThanOrEqual(SIZE)
    expect(proxy.bytes).toBeLessThanOrEqual(SIZE + KILLS * LOST_PER_KILL)
    expect(await sha256Of(run.url ?? '')).toBe(digest)
  } finally {
    await proxy.close()
    await pawl.stop()
    await rm(folder, { recursive: true, force: true })
  }
})

async function writeSource(path: string, seed: string): Promise<string> {
  const content = contentOf(seed)
  const hash = createHash('sha256')
  const file = await open(path, 'wx')
  for (const [start, end] of pieces(0, SIZE, 8 * MIB)) {
    const bytes = content.bytes(start, end)
    hash.update(bytes)
    await file.write(bytes)
  }
  await file.close()
  return hash.digest('hex')
}
