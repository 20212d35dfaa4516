// Uppy's dashboard: `PAWL_KEY=… npm run uppy`. Only the URL and the key differ from Supabase Storage.
import Uppy from '@uppy/core'
import Dashboard from '@uppy/dashboard'
import Tus from '@uppy/tus'
import '@uppy/core/css/style.css'
import '@uppy/dashboard/css/style.css'

const url = import.meta.env.PAWL_URL ?? 'http://127.0.0.1:8080'
const key = import.meta.env.PAWL_KEY

const uppy = new Uppy().use(Dashboard, { target: '#uploader', inline: true }).use(Tus, {
  endpoint: `${url}/storage/v1/upload/resumable`,
  headers: { authorization: `Bearer ${key}`, apikey: key },
  uploadDataDuringCreation: true,
  chunkSize: 6 * 1024 * 1024,
  allowedMetaFields: ['bucketName', 'objectName', 'contentType', 'cacheControl', 'metadata'],
})

uppy.on('file-added', (file) => {
  uppy.setFileMeta(file.id, {
    bucketName: 'photos',
    objectName: `uppy/${file.name}`,
    contentType: file.type,
    cacheControl: '3600',
    metadata: JSON.stringify({ source: 'uppy' }),
  })
})
