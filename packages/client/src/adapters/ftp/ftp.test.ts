import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { randomBytes, same } from '../../../test/bodies.ts'
import { wireOf } from '../../../test/faults.ts'
import { operations } from '../../../test/operations.ts'
import { type RoadWorld, roadFaults } from '../../../test/road-faults.ts'
import { scenarios, type World } from '../../../test/scenarios.ts'
import { type FtpServer, type FtpServerName, hasFtp, startFtp } from '../../../test/servers/ftp.ts'
import { startRelay } from '../../../test/servers/relay.ts'
import { UploadControl } from '../../control.ts'
import { Files } from '../../files.ts'
import { ftp } from './ftp.ts'

const MIB = 2 ** 20
const names: readonly FtpServerName[] = ['vsftpd', 'proftpd', 'pure-ftpd']

async function worldOf({ options, files }: FtpServer): Promise<World> {
  return {
    adapter: () => ftp(options),
    read: (key) => readFile(join(files, key)).catch(() => undefined),
    openSessions: async () => (await readdir(files)).filter((name) => name.endsWith('.pawl-part')).length,
    partSize: MIB,
  }
}

async function onARoad(server: FtpServer): Promise<RoadWorld> {
  const relay = await startRelay(server.options.port ?? 0)
  const options = { ...server.options, port: relay.port }
  return {
    ...(await worldOf({ ...server, options })),
    relay,
    partSize: MIB / 4,
    close: relay.close,
  }
}

for (const name of names) {
  for (const tls of [false, true]) {
    describe.runIf(hasFtp(name))(`ftp on ${name}${tls ? ' with TLS' : ''}`, () => {
      let server: FtpServer
      beforeAll(async () => {
        server = await startFtp(name, tls)
      })
      afterAll(() => server?.close())

      it('keeps what it is given', async () => {
        const files = new Files({ adapter: ftp(server.options) })
        const body = randomBytes(3 * MIB)
        await files.upload('folder/ünicode ☂.bin', body, { multipart: { partSize: MIB } })
        const file = await files.download('folder/ünicode ☂.bin')
        expect(same(new Uint8Array(await file.arrayBuffer()), body)).toBe(true)
        await files.delete('folder/ünicode ☂.bin')
      })
      if (tls) {
        it('is not spoken to when nobody vouches for its certificate', async () => {
          const files = new Files({ adapter: ftp({ ...server.options, tls: {} }), retries: 0 })
          await expect(files.head('x')).rejects.toThrow(/self-signed certificate/)
        })
      }
      // With TLS in whole on the strictest of them: it wants the same TLS session for control and data.
      if (!tls || name === 'vsftpd') scenarios('ftp', () => worldOf(server))
      if (tls) return
      roadFaults('ftp on a bad road', () => onARoad(server))
      operations('ftp', () => worldOf(server))

      it('is refused with a wrong password, which nobody gets to see', async () => {
        const files = new Files({ adapter: ftp({ ...server.options, password: 'hush-hush' }), retries: 0 })
        const error = await files.head('x').catch((error: unknown) => error)
        expect(error).toMatchObject({ code: 'Unauthorized' })
        expect(inspect(error, { depth: 9 })).not.toContain('hush-hush')
      })

      it('never leaves its folder, and no key is a command', async () => {
        const files = new Files({ adapter: ftp(server.options) })
        for (const key of [
          '../x',
          'a/../../x',
          '/etc/x',
          'a//b',
          'a\r\nDELE b',
          './a',
          'a ',
          ' a',
          'a.pawl-part',
        ]) {
          await expect(files.upload(key, 'x')).rejects.toMatchObject({ code: 'InvalidKey' })
          await expect(files.head(key)).rejects.toMatchObject({ code: 'InvalidKey' })
        }
      })

      it('goes on from what is right when the end of the part file is not', async () => {
        const body = randomBytes(4 * MIB)
        const control = new UploadControl()
        const stop = new AbortController()
        await new Files({ adapter: ftp(server.options) })
          .upload('torn.bin', body, {
            control,
            signal: stop.signal,
            multipart: { partSize: MIB },
            onProgress: ({ loaded }) => loaded >= 2 * MIB && stop.abort(),
          })
          .catch(() => {})
        const token = JSON.parse(JSON.stringify(control))
        expect(JSON.stringify(token)).not.toContain(server.options.password)
        const part = join(server.files, `${token.session.id}.pawl-part`)
        const held = await readFile(part)
        held.fill(0, held.length - 1000, held.length - 10)
        await writeFile(part, held)
        const seen: number[] = []
        await new Files({ adapter: ftp(server.options) }).upload('torn.bin', body, {
          control: UploadControl.from(token),
          onProgress: ({ loaded }) => seen.push(loaded),
        })
        expect(seen[0]).toBe(held.length - 1000)
        expect(same(await readFile(join(server.files, 'torn.bin')), body)).toBe(true)
      })

      it('takes no file of the same size for its own', async () => {
        const body = randomBytes(2 * MIB)
        const control = new UploadControl()
        const stop = new AbortController()
        const files = new Files({ adapter: ftp(server.options) })
        await files
          .upload('taken.bin', body, {
            control,
            signal: stop.signal,
            multipart: { partSize: MIB },
            onProgress: ({ loaded }) => loaded >= MIB && stop.abort(),
          })
          .catch(() => {})
        const token = JSON.parse(JSON.stringify(control))
        await rm(join(server.files, `${token.session.id}.pawl-part`))
        await writeFile(join(server.files, 'taken.bin'), randomBytes(2 * MIB, 2))
        await expect(
          files.upload('taken.bin', body, { control: UploadControl.from(token) }),
        ).rejects.toMatchObject({ code: 'SessionGone' })
      })
    })
  }
}

describe.runIf(hasFtp('proftpd'))('ftp on a server that lets nobody go on with a file', () => {
  it('is refused before a byte of the body goes out, and leaves nothing', async () => {
    const server = await startFtp('proftpd', false, false)
    onTestFinished(server.close)
    const wire = wireOf(ftp(server.options))
    const upload = new Files({ adapter: wire.adapter }).upload('a.bin', randomBytes(MIB))
    await expect(upload).rejects.toMatchObject({ code: 'NotSupported' })
    expect(wire.calls).toEqual(['begin'])
    expect(await readdir(server.files)).toEqual([])
  })
})
