/** Firebase's own client uploads in chunks to the emulator, which refuses what Firebase refuses. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FirebaseEmulator, startFirebase } from './firebase.ts'
import { bytesOf, hasVendor, vendor } from './vendor.ts'

const STEP = 256 * 1024

interface App {
  initializeApp(options: object): object
  deleteApp(app: object): Promise<void>
}
interface Sdk {
  getStorage(app: object, bucket: string): object
  connectStorageEmulator(storage: object, host: string, port: number, options: object): void
  ref(storage: object, path: string): object
  uploadBytesResumable(ref: object, data: Uint8Array, metadata: object): Task
  getMetadata(ref: object): Promise<object>
  getDownloadURL(ref: object): Promise<string>
  listAll(ref: object): Promise<{ items: { fullPath: string }[] }>
  deleteObject(ref: object): Promise<void>
}
interface Task extends Promise<{ metadata: object }> {
  pause(): boolean
  resume(): boolean
  cancel(): boolean
  on(event: 'state_changed', next: (snapshot: { bytesTransferred: number }) => void): void
}

describe.runIf(hasVendor('@firebase/storage'))('the emulator of Firebase Storage', () => {
  let firebase: FirebaseEmulator
  let sdk: Sdk
  let app: App
  let running: object
  let storage: object
  beforeAll(async () => {
    firebase = await startFirebase()
    sdk = vendor('@firebase/storage')
    app = vendor('@firebase/app')
    running = app.initializeApp({ projectId: 'pawl', apiKey: 'k', appId: 'a' })
    storage = sdk.getStorage(running, 'gs://b')
    const { hostname, port } = new URL(firebase.endpoint)
    const mockUserToken = firebase.tokens.current
    sdk.connectStorageEmulator(storage, hostname, Number(port), { mockUserToken })
  })
  afterAll(async () => {
    await app?.deleteApp(running)
    await firebase.close()
  })

  it("takes an upload in chunks from the vendor's client, also when an answer is lost, and gives it back", async () => {
    const body = bytesOf(9 * STEP + 1000)
    const ref = sdk.ref(storage, 'a/ü.bin')
    firebase.inject = (call, index) => (call === 'send' && index === 1 ? 'lost answer' : undefined)
    await sdk.uploadBytesResumable(ref, body, { customMetadata: { who: 'me' } })
    firebase.inject = () => undefined
    const calls = firebase.requests.map(({ call }) => call)
    expect(calls.filter((call) => call === 'send').length).toBeGreaterThan(3)
    expect(firebase.objects.get('a/ü.bin')?.bytes.equals(body)).toBe(true)
    expect(await sdk.getMetadata(ref)).toMatchObject({ size: body.length, customMetadata: { who: 'me' } })
    const read = await fetch(await sdk.getDownloadURL(ref))
    expect(Buffer.from(await read.arrayBuffer()).equals(body)).toBe(true)
    expect((await sdk.listAll(sdk.ref(storage, 'a'))).items.map(({ fullPath }) => fullPath)).toEqual([
      'a/ü.bin',
    ])
    await sdk.deleteObject(ref)
    expect(firebase.objects.size).toBe(0)
    expect(firebase.openSessions()).toBe(0)
  })

  it('refuses what Firebase refuses', async () => {
    const authorization = `Firebase ${firebase.tokens.current}`
    const post = (url: string, headers: Record<string, string>, body = Buffer.alloc(0)) =>
      fetch(url, { method: 'POST', headers: { authorization, ...headers }, body: new Uint8Array(body) })
    const place = `${firebase.endpoint}/v0/b/b/o`
    const begin = {
      'x-goog-upload-protocol': 'resumable',
      'x-goog-upload-command': 'start',
      'x-goog-upload-header-content-length': String(2 * STEP),
    }
    expect((await post(`${place}?name=k`, { ...begin, authorization: 'Firebase other' })).status).toBe(401)
    expect((await post(place, begin)).status).toBe(400)
    const tooLong = { ...begin, 'x-goog-upload-header-content-length': String(5 * 1024 ** 4 + 1) }
    expect((await post(`${place}?name=k`, tooLong)).status).toBe(400)
    const url = (await post(`${place}?name=k`, begin)).headers.get('x-goog-upload-url') ?? ''
    const send = (offset: number, size: number, command = 'upload') =>
      post(url, { 'x-goog-upload-command': command, 'x-goog-upload-offset': String(offset) }, bytesOf(size))
    expect((await send(0, 100)).status).toBe(400)
    expect((await send(STEP, STEP)).status).toBe(400)
    expect((await send(0, 3 * STEP)).status).toBe(400)
    expect((await send(0, STEP)).status).toBe(200)
    expect((await send(0, STEP)).status).toBe(200)
    const query = await post(url, { 'x-goog-upload-command': 'query' })
    expect(query.headers.get('x-goog-upload-size-received')).toBe(String(STEP))
    expect((await send(STEP, 100, 'upload, finalize')).status).toBe(400)
    const cancelled = await post(url, { 'x-goog-upload-command': 'cancel' })
    expect(cancelled.headers.get('x-goog-upload-status')).toBe('cancelled')
    expect((await send(STEP, STEP)).status).toBe(400)
    const later = (await post(`${place}?name=k`, begin)).headers.get('x-goog-upload-url') ?? ''
    firebase.expireSessions()
    expect((await post(later, { 'x-goog-upload-command': 'query' })).status).toBe(404)
  })
})
