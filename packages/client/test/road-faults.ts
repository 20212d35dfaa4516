/** Faults of the road to a server that is not spoken to over HTTP. No test knows which server it runs on. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Files } from '../src/files.ts'
import type { UploadOptions } from '../src/options.ts'
import type { Retry } from '../src/transfer/retry.ts'
import { randomBytes, same } from './bodies.ts'
import type { World } from './scenarios.ts'
import type { Breakdown, Relay } from './servers/relay.ts'

export interface RoadWorld extends World {
  readonly relay: Relay
}

const BREAKDOWNS: readonly Breakdown[] = ['cut', 'lost answer', 'silence']

export function roadFaults(name: string, open: () => Promise<RoadWorld>): void {
  describe(`${name}: an upload`, () => {
    let world: RoadWorld
    let body: Uint8Array<ArrayBuffer>
    let count = 0
    beforeAll(async () => {
      world = await open()
      body = randomBytes(Math.floor(world.partSize * 3.5), 5)
    })
    afterEach(() => {
      world.relay.bytesPerSecond = undefined
      world.relay.refuse = 0
    })
    afterAll(() => world?.close?.())

    async function upload(options: UploadOptions = {}): Promise<Retry[]> {
      const key = `road-${count++}.bin`
      const retries: Retry[] = []
      const hooks = { onRetry: (retry: Retry) => retries.push(retry) }
      const files = new Files({ adapter: world.adapter(), hooks, retries: { max: 8, backoff: () => 1 } })
      const { url } = await files.upload(key, body, { multipart: { partSize: world.partSize }, ...options })
      expect(same(await world.read(key, url), body)).toBe(true)
      return retries
    }

    for (const how of BREAKDOWNS) {
      it(`arrives whole after ${how === 'cut' ? 'a cut' : `a ${how}`} in the middle, and at its end`, async () => {
        for (const share of [0.4, 1]) {
          world.relay.breakAfter(Math.floor(body.length * share), how)
          const retries = await upload({ timeout: 700 })
          expect(world.relay.broken).toBe(true)
          expect(retries.length).toBeGreaterThanOrEqual(1)
        }
      })
    }

    it('arrives whole when the server cannot be reached for a while', async () => {
      world.relay.refuse = 2
      expect((await upload()).length).toBeGreaterThanOrEqual(1)
      expect(world.relay.refuse).toBe(0)
    })

    it('on a slow line is not taken for a silent one', async () => {
      world.relay.bytesPerSecond = world.partSize * 2
      expect(await upload({ timeout: 1500 })).toEqual([])
    })
  })
}
