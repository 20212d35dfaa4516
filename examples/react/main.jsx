// The hook of pawl/react: `npm run react`. After a reload the upload is there again, and goes on.
import { Files } from 'pawl'
import { useUpload } from 'pawl/react'
import { tus } from 'pawl/tus'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'

const endpoint = `${import.meta.env.PAWL_URL ?? 'http://127.0.0.1:8080'}/files/`
const files = new Files({ adapter: tus({ endpoint }) })

function Film() {
  const upload = useUpload({ files, store: 'film' })

  const choose = ({ target }) => {
    const [file] = target.files
    if (file === undefined) return
    if (upload.status === 'interrupted') upload.resume(file)
    else upload.start(file)
  }

  return (
    <main>
      <label>
        {upload.status === 'interrupted' ? `Choose ${upload.name} again to go on` : 'File'}{' '}
        <input type="file" onChange={choose} />
      </label>
      {upload.status !== 'idle' && <progress value={upload.loaded} max={upload.total} />}
      {upload.status === 'uploading' && (
        <button type="button" onClick={upload.pause}>
          Pause
        </button>
      )}
      {['paused', 'error'].includes(upload.status) && (
        <button type="button" onClick={() => upload.resume()}>
          Go on
        </button>
      )}
      <p role="status">
        {upload.error?.message ?? upload.status}{' '}
        {upload.result && <a href={upload.result.url}>{upload.name}</a>}
      </p>
    </main>
  )
}

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <Film />
  </StrictMode>,
)
