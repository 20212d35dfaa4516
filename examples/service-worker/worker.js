// The service worker: it has the file, the upload and its session. A browser may end it after some minutes without
// an event; the session is in IndexedDB then, and choosing the same file again goes on.
import { Files } from 'pawl'
import { indexedDbStore } from 'pawl/browser'
import { tus } from 'pawl/tus'

const endpoint = `${import.meta.env.PAWL_URL ?? 'http://127.0.0.1:8080'}/files/`
const files = new Files({ adapter: tus({ endpoint }) })
const resume = indexedDbStore('service-worker')
let news = { text: 'Choose a file' }

self.addEventListener('install', (event) => event.waitUntil(self.skipWaiting()))
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))
self.addEventListener('message', (event) => {
  if (event.data.ask === 'status') event.source.postMessage(news)
  else event.waitUntil(upload(event.data.file))
})

async function upload(file) {
  const onProgress = ({ loaded, total }) => tell({ text: `${file.name}: ${loaded} of ${total} bytes` })
  try {
    const { url } = await files.upload(file.name, file, { resume, onProgress })
    await tell({ text: `${file.name} is stored`, url })
  } catch (error) {
    await tell({ text: `${file.name}: ${error.message}` })
  }
}

async function tell(what) {
  news = what
  for (const page of await self.clients.matchAll()) page.postMessage(what)
}
