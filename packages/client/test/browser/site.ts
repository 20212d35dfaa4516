/** A site that serves the client as a browser loads it, in a page and in workers of every kind. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { build } from 'rolldown'
import { bundle, root } from '../page-size.ts'

export interface Site {
  readonly url: string
  close(): Promise<void>
}

const CLIENT = `
import { Files, FilesError, UploadControl } from './src/index.ts'
import { tus } from './src/adapters/tus/tus.ts'
import { indexedDbStore } from './src/stores/indexed-db-store.ts'
`

/** A digest of a whole body, of which it is told up to the last of the ends. */
const DIGEST = `
import { runningOf } from './src/transfer/running.ts'
import { openSource } from './src/transfer/source.ts'
globalThis.digestOf = async (body, algorithm, ends) => {
  const source = await openSource(body)
  const whole = await runningOf({}, source, algorithm)
  let at = 0
  for (const end of ends) {
    whole.add(at, await source.read(at, end))
    at = end
  }
  return whole.finish({ signal: new AbortController().signal, touch: () => {} })
}
`

/** Uploads what it is told to, and says what came of it. */
const WORK = `${CLIENT}
async function work({ endpoint, size }) {
  const progress = []
  const files = new Files({ adapter: tus({ endpoint }) })
  const body = new Blob([new Uint8Array(size).fill(7)])
  const { url } = await files.upload('worker.bin', body, {
    resume: indexedDbStore('worker'),
    onProgress: ({ sent }) => progress.push(sent),
  })
  return { url, progress, xhr: typeof XMLHttpRequest !== 'undefined', kept: await indexedDbStore('worker').list() }
}
async function answer(port, { data }) {
  port.postMessage(await work(data).catch((error) => ({ failed: String(error) })))
}
`
const PROGRAMS = {
  page: `${CLIENT}${DIGEST}; globalThis.pawl = { Files, FilesError, UploadControl, tus, indexedDbStore }`,
  dedicated: `${WORK}; onmessage = (event) => answer(globalThis, event)`,
  shared: `${WORK}; onconnect = ({ ports: [port] }) => { port.onmessage = (event) => answer(port, event) }`,
  service: `${WORK}
    oninstall = () => skipWaiting()
    onactivate = (event) => event.waitUntil(clients.claim())
    onmessage = (event) => event.waitUntil(answer(event.source, event))`,
}

export async function startSite(): Promise<Site> {
  const page = '<!doctype html><script type="module" src="/page/entry.js"></script>'
  const files = new Map<string, string>([
    ['/', page],
    ['/no-workers', page],
    ['/lost-worker', page.replace('/page/', '/lost-worker/')],
  ])
  for (const [name, code] of Object.entries(PROGRAMS)) {
    // A service worker cannot import late: there the client is one file.
    for (const chunk of await bundle(code, name === 'service'))
      files.set(`/${name}/${chunk.fileName}`, chunk.code)
  }
  // As a bundler does that does not know of `new URL(…, import.meta.url)`.
  for (const [path, code] of [...files]) {
    if (path.startsWith('/page/')) files.set(path.replace('page', 'lost-worker'), code)
  }
  // An entry of its own: whoever imports it imports nothing.
  const { output } = await build({ input: join(root, 'src/transfer/sum-worker.ts'), write: false })
  for (const name of ['page', 'dedicated', 'shared']) files.set(`/${name}/sum-worker.ts`, output[0].code)
  const server = createServer(({ url = '/' }, response) => {
    const text = files.get(url)
    const type = /\.[jt]s$/.test(url) ? 'text/javascript' : 'text/html'
    response.writeHead(text === undefined ? 404 : 200, {
      'content-type': type,
      'service-worker-allowed': '/',
      ...(url === '/no-workers' && { 'content-security-policy': "worker-src 'none'" }),
    })
    response.end(text ?? '')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
