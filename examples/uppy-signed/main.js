// Uppy without any key in the page: the server behind it (vite.config.js) signs each path.
import Uppy from '@uppy/core'
import Dashboard from '@uppy/dashboard'
import Tus from '@uppy/tus'
import '@uppy/core/css/style.css'
import '@uppy/dashboard/css/style.css'

const url = import.meta.env.PAWL_URL ?? 'http://127.0.0.1:8080'

const uppy = new Uppy().use(Dashboard, { target: '#uploader', inline: true }).use(Tus, {
  endpoint: `${url}/storage/v1/upload/resumable/sign`,
  headers: (file) => ({ 'x-signature': file.meta.token }),
  uploadDataDuringCreation: true,
  chunkSize: 6 * 1024 * 1024,
  allowedMetaFields: ['bucketName', 'objectName', 'contentType', 'cacheControl'],
})

uppy.addPreProcessor(async (ids) => {
  for (const id of ids) {
    const file = uppy.getFile(id)
    const objectName = `signed/${file.name}`
    const { token } = await (await fetch(`/sign?path=${encodeURIComponent(objectName)}`)).json()
    uppy.setFileMeta(id, {
      bucketName: 'documents',
      objectName,
      contentType: file.type,
      cacheControl: '3600',
      token,
    })
  }
})
