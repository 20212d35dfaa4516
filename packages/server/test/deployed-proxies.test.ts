/** nginx and HAProxy with the files of `deploy/`, in front of two nodes that share Postgres and S3. */
import { createHash } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type S3, startS3 } from '@pawl/emulators/s3'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  POSTGRES_BIN,
  type PostgresServer,
  startPostgres,
} from '../src/catalog/postgres/testing/postgres-server.ts'
import { contentOf, KIB, MIB } from './content.ts'
import { type HttpProxy, PROXIES, startProxy } from './http-proxies.ts'
import { startNode } from './nodes.ts'
import type { Pawl } from './process.ts'
import { startTcpProxy } from './tcp-proxy.ts'
import { uploadWithTus } from './tus-client.ts'
import { until } from './until.ts'
import { begin, type Reply, send } from './wire.ts'

const SECRET = 'the same on every node, and long enough'
const content = contentOf('deployed proxies')
const token = await new SignJWT({ role: 'service_role' })
  .setProtectedHeader({ alg: 'HS256' })
  .setExpirationTime('1h')
  .sign(new TextEncoder().encode(SECRET))
const AUTHORIZED = { Authorization: `Bearer ${token}` }

let postgres: PostgresServer
let s3: S3
let nodes: readonly [Pawl, Pawl]

function ask(method: string, url: string, headers: Record<string, string> = {}): Promise<Reply> {
  return send(method, url, { headers: { ...AUTHORIZED, ...headers } })
}

/** @returns the path of a new upload: any node knows it */
async function create(server: string, length: number): Promise<string> {
  const reply = await ask('POST', `${server}/files/`, { 'Upload-Length': String(length) })
  expect(reply.status).toBe(201)
  return new URL(reply.headers.location ?? '', server).pathname
}

function beginPatch(url: string, offset: number, length: number) {
  const sending = begin('PATCH', url, {
    headers: {
      ...AUTHORIZED,
      'Content-Type': 'application/offset+octet-stream',
      'Content-Length': String(length),
      'Upload-Offset': String(offset),
    },
  })
  sending.request.flushHeaders()
  return sending
}

async function offsetOf(url: string): Promise<number> {
  const reply = await ask('HEAD', url)
  expect(reply.status).toBe(200)
  return Number(reply.headers['upload-offset'])
}

/** A number that a node tells of itself; 0 for what did not happen yet. */
async function metric(node: Pawl, name: string): Promise<number> {
  const text = String((await ask('GET', `${node.url}/metrics`)).body)
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1] ?? 0)
}

async function sha256Of(url: string): Promise<string> {
  const answer = await fetch(url, { headers: AUTHORIZED })
  expect(answer.status).toBe(200)
  const hash = createHash('sha256')
  for await (const chunk of answer.body ?? []) hash.update(chunk)
  return hash.digest('hex')
}

/** How much lies in a folder. */
async function bytesIn(folder: string): Promise<number> {
  let sum = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) sum += (await stat(join(entry.parentPath, entry.name))).size
  return sum
}

async function startNodes(): Promise<void> {
  await Promise.all(nodes.map((node) => node.restart()))
}

async function killNodes(): Promise<void> {
  await Promise.all(nodes.map((node) => node.kill()))
}

describe.skipIf(POSTGRES_BIN === undefined)('two nodes', () => {
  beforeAll(async () => {
    ;[postgres, s3] = await Promise.all([startPostgres(), startS3()])
    const env = { PAWL_DEV: '0', PAWL_JWT_SECRET: SECRET, PAWL_TRUSTED_PROXIES: '127.0.0.1' }
    const start = (): Promise<Pawl> => startNode({ database: postgres.url, s3, env })
    nodes = await Promise.all([start(), start()])
  }, 180_000)
  afterAll(async () => {
    for (const node of nodes ?? []) await node.stop()
    await s3?.close()
    await postgres?.close()
  })

  describe.each(PROXIES)('behind $name', (kind) => {
    let proxy: HttpProxy
    const here = test.skipIf(kind.program === '')
    beforeAll(async () => {
      if (kind.program !== '') proxy = await startProxy(kind, ...nodes.map(({ port }) => port))
    })
    afterAll(() => proxy?.stop())

    here('both are asked in turn', async () => {
      const before = await Promise.all(nodes.map((node) => metric(node, 'pawl_finish_seconds_count.*')))
      for (let i = 0; i < 8; i += 1) await create(proxy.url, 0)
      const after = await Promise.all(nodes.map((node) => metric(node, 'pawl_finish_seconds_count.*')))
      expect(after.map((count, i) => count - (before[i] ?? 0))).toEqual([4, 4])
    })

    here(
      'bytes reach a node while their request goes on, and none lie on the disk of the proxy',
      async () => {
        const size = 256 * MIB
        const path = await create(proxy.url, size)
        const before = await bytesIn(proxy.folder)
        const sending = beginPatch(proxy.url + path, 0, size)
        await sending.write(content.bytes(0, 100))
        await until('the first bytes came through', async () => {
          const active = await Promise.all(nodes.map((node) => metric(node, 'pawl_transfers_active')))
          return active.includes(1)
        })
        for (let at = 100; at < 24 * MIB; at += MIB)
          await sending.write(content.bytes(at, Math.min(24 * MIB, at + MIB)))
        await until('they count', async () => (await offsetOf(proxy.url + path)) > 8 * MIB)
        expect((await bytesIn(proxy.folder)) - before).toBeLessThan(64 * KIB)
        sending.request.destroy()
        expect((await ask('DELETE', proxy.url + path)).status).toBe(204)
      },
    )

    here('a body whose node is killed is refused, and goes on at the other node', async () => {
      const size = 24 * MIB
      const path = await create(proxy.url, size)
      const first = beginPatch(proxy.url + path, 0, 8 * MIB)
      first.request.end(content.bytes(0, 8 * MIB))
      expect((await first.reply).status).toBe(204)
      const sending = beginPatch(proxy.url + path, 8 * MIB, size - 8 * MIB)
      await sending.write(content.bytes(8 * MIB, 12 * MIB))
      let holder: Pawl | undefined
      // Not by asking for the upload: that would end a transfer that is silent.
      await until('a node has it', async () => {
        const active = await Promise.all(nodes.map((node) => metric(node, 'pawl_transfers_active')))
        holder = nodes[active.indexOf(1)]
        return holder !== undefined
      })
      await holder?.kill()
      // Whether the client is told, or finds its connection closed: it looks where it stands.
      expect([undefined, 503]).toContain(
        await sending.reply.then(
          ({ status }) => status,
          () => undefined,
        ),
      )
      await until('a client that looks and sends the rest is through', async () => {
        const look = await ask('HEAD', proxy.url + path)
        // The dead node may be asked once more before the proxy knows.
        if (look.status === 423) return false
        expect(look.status).toBe(200)
        const offset = Number(look.headers['upload-offset'])
        expect(offset).toBeGreaterThanOrEqual(8 * MIB)
        const rest = beginPatch(proxy.url + path, offset, size - offset)
        rest.request.end(content.bytes(offset, size))
        return (await rest.reply).status === 204
      })
      expect(await sha256Of(proxy.url + path)).toBe(content.sha256(size))
      await holder?.restart()
    })

    here('a look at an upload is told to wait while no node is there, and nothing starts over', async () => {
      const size = 24 * MIB
      const chunk = 3 * MIB
      const bytes = content.bytes(0, size)
      // Clients that wait for as long as two nodes may take to start.
      const more = { headers: AUTHORIZED, retryDelays: Array.from({ length: 200 }, () => 500) }
      const runs = await Promise.all(
        (['tus-v1', 'ietf-draft-05'] as const).map(async (protocol) => {
          const front = await startTcpProxy(proxy.port, 12 * MIB)
          return { front, upload: uploadWithTus(front.url, bytes, chunk, protocol, more) }
        }),
      )
      try {
        await until('they are under way', () => runs.every(({ upload }) => upload.sent > 2 * chunk))
        await killNodes()
        const looks = ['/files/0', '/uploads/0', '/storage/v1/upload/resumable/0', '/site-media/v1/uploads/0']
        for (const path of looks) {
          const { status, headers } = await ask('HEAD', proxy.url + path)
          expect([path, status, headers['retry-after'], headers['cache-control']]).toEqual([
            path,
            423,
            '1',
            'no-store',
          ])
        }
        for (const [method, path] of [
          ['PATCH', '/files/0'],
          ['POST', '/files/'],
          ['HEAD', '/storage/v1/object/a/b'],
        ] as const) {
          const { status, headers } = await ask(method, proxy.url + path)
          expect([method, path, status, headers['retry-after']]).toEqual([method, path, 503, '1'])
        }
        await until('the clients were told', () =>
          runs.every(({ upload }) => upload.log.includes('HEAD 423')),
        )
        await startNodes()
        for (const { front, upload } of runs) {
          await upload.done
          expect(upload.log.filter((line) => line.startsWith('POST'))).toEqual(['POST 201'])
          // The request that was under way, and heads.
          expect(front.bytes).toBeLessThan(size + chunk + MIB)
          const path = new URL(upload.url ?? '').pathname.replace('/uploads/', '/files/')
          expect(await sha256Of(proxy.url + path)).toBe(content.sha256(size))
        }
      } finally {
        await Promise.all(runs.map(({ upload }) => upload.abort()))
        for (const { front } of runs) await front.close()
      }
    })
  })
})
