import './server.css'
import { useState, useSyncExternalStore } from 'react'
import { keepKey, readKey } from '../key.ts'
import { KeyPanel } from '../key-panel.tsx'
import type { ApiError } from './api.ts'
import { EventsPanel } from './events-panel.tsx'
import { ObjectsPanel } from './objects-panel.tsx'
import { Overview } from './overview.tsx'
import { useAsked } from './use-asked.ts'

/** What the server knows, for whoever has its key. */
export default function ServerView() {
  const [turn, setTurn] = useState(0)
  return <Unlocked key={turn} onKey={() => setTurn((count) => count + 1)} />
}

interface Info {
  readonly storagePrefix: string
}

const PANELS = [
  ['', 'Overview'],
  ['objects', 'Objects'],
  ['events', 'Events'],
] as const

function Unlocked({ onKey }: { readonly onKey: () => void }) {
  const { value: info, error } = useAsked<Info>('admin/info')
  const panel = usePanel()
  if (error !== undefined || readKey() === null) {
    return (
      <main className="server">
        <KeyPanel
          words={keyWords(error)}
          onKey={(key) => {
            keepKey(key)
            onKey()
          }}
        />
      </main>
    )
  }
  return (
    <main className="server">
      <nav className="panels" aria-label="Server">
        {PANELS.map(([name, label]) => (
          <a
            key={name}
            href={name === '' ? '#/server' : `#/server/${name}`}
            aria-current={panel === name ? 'page' : undefined}
          >
            {label}
          </a>
        ))}
      </nav>
      {info !== undefined && panel === 'objects' && <ObjectsPanel storage={info.storagePrefix.slice(1)} />}
      {info !== undefined && panel === 'events' && <EventsPanel />}
      {info !== undefined && panel === '' && <Overview />}
    </main>
  )
}

function keyWords(error: ApiError | undefined): string {
  if (readKey() === null) return 'This view needs the service key of the server.'
  if (error?.status === 403) return 'This key is not the service key.'
  return error?.wantsKey ? 'The server does not know this key.' : (error?.message ?? '')
}

function usePanel(): string {
  return useSyncExternalStore(
    (listener) => {
      addEventListener('hashchange', listener)
      return () => removeEventListener('hashchange', listener)
    },
    () => location.hash.split('/')[2] ?? '',
  )
}
