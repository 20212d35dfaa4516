import { startFirebase } from '@pawl/emulators/firebase'
import { startGcs } from '@pawl/emulators/gcs'
import { expect, it } from 'vitest'
import { operations } from '../../../test/operations.ts'
import { type EmulatedWorld, providerFaults } from '../../../test/provider-faults.ts'
import { scenarios } from '../../../test/scenarios.ts'
import { UploadControl } from '../../control.ts'
import { Files } from '../../files.ts'
import { firebaseAdmin } from './admin.ts'
import { firebase } from './firebase.ts'

const STEP = 256 * 1024

async function emulated(): Promise<EmulatedWorld> {
  const emulator = await startFirebase()
  const { endpoint, tokens, objects, expireSessions, close } = emulator
  return {
    emulator,
    adapter: () => firebase({ bucket: 'app', endpoint, token: () => tokens.current, permanentUrls: true }),
    read: async (key) => objects.get(key)?.bytes,
    openSessions: async () => emulator.openSessions(),
    expireCredential: () => tokens.expire(),
    expireSessions,
    partSize: STEP,
    close,
  }
}

/** The same bucket, through Cloud Storage's interface. */
async function administered(): Promise<EmulatedWorld> {
  const emulator = await startGcs()
  const { endpoint, credentials, objects, expireSessions, close } = emulator
  const { tokens } = credentials
  return {
    emulator,
    adapter: () => firebaseAdmin({ bucket: 'app', endpoint, token: () => tokens.current }),
    read: async (key) => objects.get(key)?.bytes,
    openSessions: async () => emulator.openSessions(),
    expireCredential: () => tokens.expire(),
    expireSessions,
    partSize: STEP,
    close,
  }
}

scenarios('firebase', emulated)
scenarios("firebase through its bucket's own interface", administered)
operations("firebase through its bucket's own interface", administered)
providerFaults('firebase', emulated)
operations('firebase', emulated)

it('firebase says that what arrived is not what was sent', async () => {
  const world = await emulated()
  world.emulator.inject = (call) => (call === 'send' ? 'damage' : undefined)
  const files = new Files({ adapter: world.adapter() })
  await expect(files.upload('damaged', new Uint8Array(1000))).rejects.toMatchObject({ code: 'Corrupted' })
  await world.close?.()
})

it('firebase without a token sends none, and hears that it is refused', async () => {
  const { endpoint, close, requests } = await startFirebase()
  const files = new Files({
    adapter: firebase({ bucket: 'app', endpoint, appCheckToken: async () => 'checked' }),
  })
  await expect(files.upload('k', 'x')).rejects.toMatchObject({ code: 'Unauthorized' })
  expect(requests.every(({ headers }) => headers.authorization === undefined)).toBe(true)
  expect(requests[0]?.headers['x-firebase-appcheck']).toBe('checked')
  await close()
})

it('firebase sends no byte and no credential to where a doctored token leads', async () => {
  const world = await emulated()
  const files = new Files({ adapter: world.adapter() })
  const stop = new AbortController()
  const control = new UploadControl()
  world.emulator.inject = (call, index) => {
    if (call === 'send' && index === 1) stop.abort()
    return undefined
  }
  const multipart = { partSize: STEP }
  const body = new Uint8Array(3 * STEP)
  const done = files.upload('k', body, { control, multipart, signal: stop.signal })
  await expect(done).rejects.toMatchObject({ aborted: true })
  const token = JSON.parse(JSON.stringify(control))
  const { host, href } = new URL(token.session.uri)
  for (const wrong of [href.replace(host, 'example.com'), href.replace('/b/app/', '/b/others/'), 'x']) {
    const doctored = UploadControl.from(JSON.stringify({ ...token, session: { uri: wrong } }))
    await expect(files.upload('k', body, { control: doctored })).rejects.toMatchObject({
      code: 'Unauthorized',
    })
  }
  await world.close?.()
})
