// The client in a page without a framework: `npm run html`. Reload in the middle of an upload and choose the same
// file again: it goes on. Another file begins anew.
import { Files, UploadControl } from 'pawl'
import { localStorageStore } from 'pawl/browser'
import { tus } from 'pawl/tus'

const endpoint = `${import.meta.env.PAWL_URL ?? 'http://127.0.0.1:8080'}/files/`
const files = new Files({ adapter: tus({ endpoint }) })
const resume = localStorageStore()

const [input, progress, pause, status] = ['file', 'progress', 'pause', 'status'].map((id) =>
  document.getElementById(id),
)

input.addEventListener('change', async () => {
  const [file] = input.files
  if (file === undefined) return
  const control = new UploadControl()
  pause.disabled = false
  pause.textContent = 'Pause'
  pause.onclick = () => {
    if (control.status === 'paused') control.resume()
    else control.pause()
    pause.textContent = control.status === 'paused' ? 'Resume' : 'Pause'
  }
  try {
    const onProgress = ({ loaded, total }) => {
      progress.max = total
      progress.value = loaded
      status.textContent = `${loaded} of ${total} bytes`
    }
    const { url, digest } = await files.upload(file.name, file, { control, resume, onProgress })
    const link = Object.assign(document.createElement('a'), { href: url, textContent: file.name })
    status.replaceChildren('Stored: ', link, ` ${digest?.algorithm ?? ''} ${digest?.value ?? ''}`)
  } catch (error) {
    status.textContent = `Not stored: ${error.message}`
  } finally {
    pause.disabled = true
  }
})
