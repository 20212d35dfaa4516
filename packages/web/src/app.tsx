import type { Files } from 'pawl'
import { useUploads } from 'pawl/react'
import { lazy, Suspense, useState } from 'react'
import { Mark } from './icons.tsx'
import { useRoute } from './route.ts'
import { listOptions, SLOW } from './uploads/destination.ts'
import { UploadsView } from './uploads/uploads-view.tsx'
import { useChecks } from './uploads/use-checks.ts'

interface AppProps {
  readonly endpoint: string
  readonly files: Files
}

// Most visitors never see it.
const ServerView = lazy(() => import('./server/server-view.tsx'))

export function App({ endpoint, files }: AppProps) {
  const [slow, setSlow] = useState(false)
  // Here, so that uploads go on while another view is looked at.
  const uploads = useUploads({ ...listOptions(files), ...(slow ? { maxBytesPerSecond: SLOW } : {}) })
  // Too: a file is read and compared once, not with each look at its list.
  const checks = useChecks(uploads.uploads)
  const route = useRoute()
  return (
    <div className={route === 'server' ? 'frame frame-wide' : 'frame'}>
      <header className="top">
        <h1>
          <Mark />
          Pawl
        </h1>
        <nav aria-label="Views">
          <a href="#/" aria-current={route === 'uploads' ? 'page' : undefined}>
            Uploads
          </a>
          <a href="#/server" aria-current={route === 'server' ? 'page' : undefined}>
            Server
          </a>
        </nav>
      </header>
      {route === 'uploads' ? (
        <UploadsView endpoint={endpoint} list={uploads} checks={checks} slow={slow} onSlow={setSlow} />
      ) : (
        <Suspense fallback={<main />}>
          <ServerView />
        </Suspense>
      )}
    </div>
  )
}
