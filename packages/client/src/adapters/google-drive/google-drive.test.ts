import { type DriveEmulator, startDrive } from '@pawl/emulators/drive'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { operations } from '../../../test/operations.ts'
import { type EmulatedWorld, providerFaults } from '../../../test/provider-faults.ts'
import { scenarios } from '../../../test/scenarios.ts'
import { Files } from '../../files.ts'
import { googleDrive } from './google-drive.ts'

const STEP = 256 * 1024

async function emulated(): Promise<EmulatedWorld> {
  const emulator = await startDrive()
  const { endpoint, tokens, named, expireSessions, close } = emulator
  return {
    emulator,
    adapter: () => googleDrive({ endpoint, token: () => tokens.current }),
    read: async (key) => {
      const files = named(key)
      if (files.length > 1) throw new Error(`${files.length} files are called ${key}`)
      return files[0]?.bytes
    },
    openSessions: async () => emulator.openSessions(),
    expireCredential: () => tokens.expire(),
    expireSessions,
    partSize: STEP,
    close,
  }
}

scenarios('google-drive', emulated)
providerFaults('google-drive', emulated)
operations('google-drive', emulated)

describe('google-drive', () => {
  let drive: DriveEmulator
  let files: Files
  beforeAll(async () => {
    drive = await startDrive()
    files = new Files({ adapter: googleDrive({ endpoint: drive.endpoint, token: drive.tokens.current }) })
  })
  afterAll(() => drive.close())

  it('gives an existing file new content instead of making another of its name', async () => {
    const name = "it's a \\ name/with 'everything'"
    await files.upload(name, 'one', { metadata: { a: '1', b: '2' } })
    const [before] = drive.named(name)
    await files.upload(name, 'two', { metadata: { b: '3' } })
    expect(drive.named(name).map(({ id }) => id)).toEqual([before?.id])
    expect(await (await files.download(name)).text()).toBe('two')
    expect((await files.head(name)).metadata).toEqual({ b: '3' })
  })

  it('leaves one file where several have the name, whatever is moved or copied there', async () => {
    const authorization = `Bearer ${drive.tokens.current}`
    for (let i = 0; i < 2; i++) {
      const body = JSON.stringify({ name: 'twice' })
      await fetch(`${drive.endpoint}/drive/v3/files`, { method: 'POST', headers: { authorization }, body })
    }
    expect(drive.named('twice')).toHaveLength(2)
    expect((await files.list({ prefix: 'twice' })).items).toHaveLength(1)
    await files.upload('other', 'x')
    await files.copy('other', 'twice')
    expect(drive.named('twice')).toHaveLength(1)
    await files.move('other', 'twice')
    expect(drive.named('twice')).toHaveLength(1)
    expect(await (await files.download('twice')).text()).toBe('x')
  })

  it('refuses metadata that Drive cannot keep, and a folder that is not there', async () => {
    const metadata = { name: 'x'.repeat(121) }
    await expect(files.upload('k', 'x', { metadata })).rejects.toMatchObject({ code: 'NotSupported' })
    const { endpoint, tokens } = drive
    const adapter = googleDrive({ endpoint, token: tokens.current, folder: "nowhere' or trashed = true" })
    await expect(new Files({ adapter }).upload('k', 'x')).rejects.toMatchObject({ code: 'NotFound' })
  })
})
