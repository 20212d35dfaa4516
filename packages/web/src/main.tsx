import './page.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import { createClaims } from './claims.ts'
import { fingerprintOf } from './fingerprint.ts'
import { keepKey, readKey } from './key.ts'
import { createQueue } from './queue.ts'
import { finishCancelling } from './remote.ts'
import { createUploader } from './transfer.ts'
import { createWaiting, openStorage } from './waiting.ts'

const endpoint = new URL('files/', document.baseURI).href
const waiting = createWaiting(openStorage(), endpoint)
const context = { endpoint, waiting, key: readKey }
const queue = createQueue({
  uploader: createUploader(context),
  remembered: waiting.list,
  fingerprintOf,
  claims: createClaims(navigator.locks),
  now: () => performance.now(),
})

finishCancelling(context)
void queue.refresh()
// Another tab may have begun, finished or given up an upload.
addEventListener('storage', () => void queue.refresh())
addEventListener('focus', () => void queue.refresh())

const page = document.getElementById('page')
if (page === null) throw new Error('index.html has no place for the page')
createRoot(page).render(
  <StrictMode>
    <App
      queue={queue}
      endpoint={endpoint}
      onKey={(key) => {
        keepKey(key)
        queue.unlock()
      }}
    />
  </StrictMode>,
)
