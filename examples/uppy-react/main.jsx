// Uppy in React: `PAWL_KEY=… npm run uppy-react`.
import Uppy from '@uppy/core'
import Dashboard from '@uppy/react/dashboard'
import Tus from '@uppy/tus'
import { useState } from 'react'
import { createRoot } from 'react-dom/client'
import '@uppy/core/css/style.css'
import '@uppy/dashboard/css/style.css'

const url = import.meta.env.PAWL_URL ?? 'http://127.0.0.1:8080'
const key = import.meta.env.PAWL_KEY

function createUppy() {
  const uppy = new Uppy().use(Tus, {
    endpoint: `${url}/storage/v1/upload/resumable`,
    headers: { authorization: `Bearer ${key}`, apikey: key },
    uploadDataDuringCreation: true,
    chunkSize: 6 * 1024 * 1024,
    allowedMetaFields: ['bucketName', 'objectName', 'contentType', 'cacheControl'],
  })
  uppy.on('file-added', (file) => {
    uppy.setFileMeta(file.id, {
      bucketName: 'photos',
      objectName: `react/${file.name}`,
      contentType: file.type,
      cacheControl: '3600',
    })
  })
  return uppy
}

function App() {
  const [uppy] = useState(createUppy)
  return <Dashboard uppy={uppy} />
}

createRoot(document.getElementById('root')).render(<App />)
