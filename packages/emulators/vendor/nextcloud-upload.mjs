/**
 * Nextcloud's own uploader, as on its page, with as much of a page around it as it reads. A process of its own,
 * because that page is global: `node nextcloud-upload.mjs <endpoint> <token> <file> <path> [<chunk size>]`.
 */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { basename } from 'node:path'

const [endpoint, token, from, to, chunkSize] = process.argv.slice(2)
const USER = 'me'

// What a bundler does: styles are no code, and of a package with two builds it takes the one of modules.
registerHooks({
  resolve: (name, context, next) =>
    next(name === 'cancelable-promise' ? `${name}/esm/CancelablePromise.mjs` : name, context),
  load: (url, context, next) =>
    url.endsWith('.css') ? { format: 'module', source: '', shortCircuit: true } : next(url, context),
})
const attributes = { 'data-user': USER, 'data-requesttoken': 'none' }
const head = {
  dataset: { user: USER, requesttoken: 'none' },
  getAttribute: (name) => attributes[name] ?? null,
}
Object.assign(globalThis, {
  window: globalThis,
  location: new URL(endpoint),
  _oc_webroot: '',
  OC: { appConfig: { files: { max_chunk_size: Number(chunkSize) } } },
  document: {
    head,
    documentElement: { dataset: {}, lang: 'en' },
    getElementsByTagName: () => [head],
    querySelector: () => null,
    addEventListener: () => {},
  },
  addEventListener: () => {},
  console: { ...console, debug: () => {}, info: () => {} },
})
const { Uploader } = await import('@nextcloud/upload')
const { default: axios } = await import('@nextcloud/axios')
const { davGetClient, Folder, Permission } = await import('@nextcloud/files')

axios.defaults.headers.Authorization = `Bearer ${token}`
const source = `${endpoint}/remote.php/dav/files/${USER}`
const uploader = new Uploader(
  false,
  new Folder({ id: 0, owner: USER, permissions: Permission.ALL, root: `/files/${USER}`, source }),
)
const { status, response, uploaded } = await uploader.upload(
  to,
  new File([readFileSync(from)], basename(from)),
)
const client = davGetClient(source, { Authorization: `Bearer ${token}` })
const listed = await client.getDirectoryContents(`/${to.split('/').slice(0, -1).join('/')}`)
process.stdout.write(
  JSON.stringify({
    status,
    answer: response.status,
    uploaded,
    listed: listed.map(({ filename, size, type }) => ({ filename, size, type })),
  }),
)
