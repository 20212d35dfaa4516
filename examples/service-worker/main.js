// Uploads that do not need the page: `npm run service-worker`. Reload or leave while it runs, and come back.
const status = document.getElementById('status')
navigator.serviceWorker.addEventListener('message', ({ data }) => {
  status.textContent = data.url === undefined ? data.text : ''
  if (data.url !== undefined)
    status.append(Object.assign(document.createElement('a'), { href: data.url, textContent: data.text }))
})
await navigator.serviceWorker.register('/worker.js')
const { active } = await navigator.serviceWorker.ready
active.postMessage({ ask: 'status' })

document.getElementById('file').addEventListener('change', ({ target }) => {
  const [file] = target.files
  if (file !== undefined) active.postMessage({ ask: 'upload', file })
})
