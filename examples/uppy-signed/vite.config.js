// `PAWL_SERVICE_KEY=… npm run uppy-signed`. The service key stays in this process; a real server would first
// ask who the user is, and sign only paths that are theirs.
import { StorageClient } from '@supabase/storage-js'

const url = process.env.PAWL_URL ?? 'http://127.0.0.1:8080'
const key = process.env.PAWL_SERVICE_KEY
const storage = new StorageClient(`${url}/storage/v1`, { Authorization: `Bearer ${key}` })

const sign = {
  name: 'sign',
  configureServer(server) {
    server.middlewares.use('/sign', async (req, res) => {
      const path = new URL(req.url, 'http://localhost').searchParams.get('path')
      const { data, error } = await storage.from('documents').createSignedUploadUrl(path, { upsert: true })
      res.statusCode = error ? 400 : 200
      res.setHeader('Content-Type', 'application/json')
      res.end(JSON.stringify(error ? { message: error.message } : { token: data.token }))
    })
  },
}

export default { envPrefix: ['PAWL_URL'], plugins: [sign] }
