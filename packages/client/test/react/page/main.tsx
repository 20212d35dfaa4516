/**
 * Both hooks on a page, in strict mode. `?endpoint=` says where to; `?list` shows several; with `?hide` what is
 * toggled is hidden instead of taken away.
 */
import { Activity, StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { tus } from '../../../src/adapters/tus/tus.ts'
import { Files } from '../../../src/index.ts'
import { pickFiles, type UploadView, useUpload, useUploads } from '../../../src/react/react.ts'

const query = new URLSearchParams(location.search)
const filesWith = (headers: Record<string, string>) =>
  new Files({ adapter: tus({ endpoint: query.get('endpoint') ?? '', headers }) })
const upload = { multipart: { partSize: 256 * 1024 } }

function One({ files }: { readonly files: Files }) {
  const one = useUpload({ files, upload, store: 'one' })
  Object.assign(window, { startOne: one.start, resumeOne: one.resume })
  return (
    <main>
      <input
        type="file"
        aria-label="file"
        onChange={({ target }) => {
          const [file] = target.files ?? []
          if (file) void one.start(file)
        }}
      />
      <input
        type="file"
        aria-label="again"
        onChange={({ target }) => {
          const [file] = target.files ?? []
          if (file) one.resume(file)
        }}
      />
      <button
        type="button"
        onClick={async () => {
          const [picked] = await pickFiles()
          if (picked) await one.start(picked)
        }}
      >
        pick
      </button>
      <button type="button" onClick={one.reset}>
        reset
      </button>
      <Shown view={one} />
    </main>
  )
}

function Several({ files }: { readonly files: Files }) {
  const most = Number(query.get('concurrency') ?? Number.POSITIVE_INFINITY)
  const { uploads, start, loading } = useUploads({ files, upload, store: 'several', concurrency: most })
  return (
    <main>
      <input
        type="file"
        multiple
        aria-label="file"
        onChange={({ target }) => {
          for (const file of target.files ?? []) void start(file)
        }}
      />
      <p>{loading ? 'loading' : `${uploads.length} uploads`}</p>
      <ul>
        {uploads.map((view) => (
          <li key={view.id}>
            <Shown view={view} />
            <input
              type="file"
              aria-label={`again ${view.name}`}
              onChange={({ target }) => {
                const [file] = target.files ?? []
                if (file) view.resume(file)
              }}
            />
          </li>
        ))}
      </ul>
    </main>
  )
}

function Shown({
  view,
}: {
  readonly view: Omit<UploadView, 'id' | 'key' | 'status'> & { readonly status: string }
}) {
  return (
    <section>
      <output aria-label="status">{view.status}</output> <span>{view.name}</span>{' '}
      <output aria-label="loaded">{view.loaded}</output> of {view.total}{' '}
      <output aria-label="needs">{view.needs}</output> <output aria-label="error">{view.error?.code}</output>
      <a href={view.result?.url}>{view.result ? 'stored' : ''}</a>
      <button type="button" onClick={view.pause}>
        pause
      </button>
      <button type="button" onClick={() => view.resume()}>
        resume
      </button>
      <button type="button" onClick={() => view.abort()}>
        abort
      </button>
    </section>
  )
}

function App() {
  const [shown, setShown] = useState(true)
  const [files, setFiles] = useState(() => filesWith({}))
  Object.assign(window, { signIn: () => setFiles(filesWith({ Authorization: 'Bearer a-key' })) })
  const view = query.has('list') ? <Several files={files} /> : <One files={files} />
  return (
    <>
      <button type="button" onClick={() => setShown(!shown)}>
        toggle
      </button>
      {query.has('hide') ? <Activity mode={shown ? 'visible' : 'hidden'}>{view}</Activity> : shown && view}
    </>
  )
}

createRoot(document.getElementById('root') ?? document.body).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
