/** Uploads whose process is killed again and again, and finished by the next one. */
import { spawn } from 'node:child_process'
import { createHash, randomInt } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { randomBytes, seeded } from '../bodies.ts'
import type { AdapterDescription, KillJob } from './job.ts'

const MIB = 2 ** 20
const FULL = process.env.PAWL_FULL === '1'

/** Decides the moments of the kills: the same ones each time in `npm test`, others with `PAWL_FULL=1`. */
const SEED = Number(process.env.PAWL_TEST_SEED ?? (FULL ? randomInt(2 ** 31) : 7))

export interface KillOptions {
  readonly kills: number
  /** Bytes of the body, one upload for each. */
  readonly sizes: readonly number[]
}

export interface KillWorld {
  readonly adapter: AdapterDescription
  readonly partSize: number
  /**
   * The provider does not say what it has: what it acknowledged after the token was last stored is sent again, in
   * the same pieces.
   */
  readonly cannotBeAsked?: true
  /** The sha-256 of what the provider holds, in hex. */
  digest(key: string, url: string | undefined): Promise<string>
  /** Finished objects and open uploads at the provider, for this key: a second one would be a leak. */
  close(): Promise<void>
}

/** Fewer and shorter in `npm test`, ten over 64 MiB with `npm run test:full`. */
export const FEW: KillOptions = FULL ? { kills: 10, sizes: [64 * MIB] } : { kills: 3, sizes: [16 * MIB] }

/** For the adapters that everything else builds on: twenty, over 64 MiB and 1 GiB, with `npm run test:full`. */
const MANY: KillOptions = FULL
  ? { kills: 20, sizes: [64 * MIB, 1024 * MIB] }
  : { kills: 6, sizes: [32 * MIB] }

export function killTests(
  name: string,
  start: () => Promise<KillWorld>,
  { kills: wanted, sizes }: KillOptions = MANY,
): void {
  describe(`${name}: an upload whose process is killed ${wanted} times`, () => {
    it.for(sizes)(
      'of %d bytes is finished by the next process, without sending acknowledged bytes again',
      { timeout: 600_000 },
      async (size, { signal }) => {
        const folder = await mkdtemp(join(tmpdir(), 'pawl-kill-'))
        const world = await start()
        try {
          const path = join(folder, 'body')
          const sha256 = await writeBody(path, size)
          const job: KillJob = {
            adapter: world.adapter,
            path,
            key: `killed-${size}.bin`,
            tokens: join(folder, 'tokens'),
            log: join(folder, 'acknowledged'),
            partSize: world.partSize,
          }
          // Slow enough that the kills fall all over the upload, wherever the machine stands.
          const slow = { ...job, maxBytesPerSecond: Math.floor((size * 2.5) / wanted) }
          // Each upload has moments of its own, whichever tests run beside it.
          const seed = seedOf(`${SEED} ${name} ${size}`)
          console.log(`${name}: killed at moments of PAWL_TEST_SEED=${SEED}`)
          const random = seeded(seed)
          let kills = 0
          for (; kills < wanted; kills++) {
            const ended = await run(slow, 150 + random() * 500, signal)
            if (ended.output !== undefined) break
          }
          const last = await run(job, undefined, signal)
          const { url } = JSON.parse(last.output ?? '{}')
          expect(await world.digest(job.key, url)).toBe(sha256)
          const pieces = (await readFile(job.log, 'utf8'))
            .trim()
            .split('\n')
            .map((line) => line.split(' ').map(Number))
          const sorted = pieces
            .map(([start = 0, length = 0]) => ({ start, length }))
            .sort((a, b) => a.start - b.start)
          let end = 0
          for (const [index, piece] of sorted.entries()) {
            const { start, length } = sorted[index - 1] ?? {}
            const again = start === piece.start && length === piece.length
            if (!(world.cannotBeAsked && again)) expect(piece.start).toBeGreaterThanOrEqual(end)
            end = piece.start + piece.length
          }
          expect(kills).toBe(wanted)
        } finally {
          await world.close()
          await rm(folder, { recursive: true, force: true })
        }
      },
    )
  })
}

function seedOf(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE() % 2 ** 31
}

/** Runs the upload; killed after `milliseconds`, or to its end. */
async function run(
  job: KillJob,
  milliseconds: number | undefined,
  signal: AbortSignal,
): Promise<{ output: string | undefined }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'upload.ts'), JSON.stringify(job)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // A test that ran out of time must not leave its process behind.
  signal.addEventListener('abort', () => child.kill('SIGKILL'), { once: true })
  let output = ''
  let errors = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  child.stderr.on('data', (chunk) => {
    errors += chunk
  })
  const timer = milliseconds === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), milliseconds)
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  clearTimeout(timer)
  if (code !== null && code !== 0) throw new Error(errors)
  return { output: code === 0 ? output : undefined }
}

async function writeBody(path: string, size: number): Promise<string> {
  const file = await open(path, 'w')
  const hash = createHash('sha256')
  for (let at = 0; at < size; at += 16 * MIB) {
    const block = randomBytes(Math.min(16 * MIB, size - at), at + 1)
    hash.update(block)
    await file.write(block)
  }
  await file.close()
  return hash.digest('hex')
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return hash.digest('hex')
}
