'use client'
// The hook of pawl/react. After a reload the upload is there again, and goes on.
import { Files } from 'pawl'
import { useUpload } from 'pawl/react'
import { tus } from 'pawl/tus'

const files = new Files({ adapter: tus({ endpoint: '/up/files/' }) })

export default function Film() {
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
        <input type="file" onChange={choose} disabled={upload.loading} />
      </label>
      {upload.status !== 'idle' && <progress value={upload.loaded} max={upload.total} />}
      <p role="status">
        {upload.error?.message ?? upload.status}{' '}
        {upload.result && <a href={upload.result.url}>{upload.name}</a>}
      </p>
    </main>
  )
}
