import './server.css'
import { useState, useSyncExternalStore } from 'react'
import { keepKey, readKey } from '../key.ts'
import { KeyPanel } from '../key-panel.tsx'
import type { ApiError } from './api.ts'
import { EventsPanel } from './events-panel.tsx'
import { LatestEvents } from './latest-events.tsx'
import { ObjectsPanel } from './objects-panel.tsx'
import { Overview } from './overview.tsx'
import { useAsked } from './use-asked.ts'

/** What the server knows, for whoever has its key. */
export default function ServerView() {
  const [turn, setTurn] = useState(0)
  const onKey = (key: string) => {
    keepKey(key)
    setTurn((count) => count + 1)
  }
  return readKey() === null ? <Locked error={undefined} onKey={onKey} /> : <Panels key={turn} onKey={onKey} />
}

interface LockedProps {
  readonly error: ApiError | undefined
  readonly onKey: (key: string) => void
}

function Locked({ error, onKey }: LockedProps) {
  return (
    <main className="server">
      <KeyPanel words={keyWords(error)} onKey={onKey} />
    </main>
  )
}

interface Info {
  readonly storagePrefix: string
}

const PANELS = [
  ['', 'Overview'],
  ['objects', 'Objects'],
  ['events', 'Events'],
] as const

function Panels({ onKey }: Pick<LockedProps, 'onKey'>) {
  const { value: info, error } = useAsked<Info>('admin/info')
  const panel = usePanel()
  if (error !== undefined) return <Locked error={error} onKey={onKey} />
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
      {info !== undefined && panel === 'events' && (
        <>
          <EventsPanel />
          <LatestEvents />
        </>
      )}
      {info !== undefined && panel === '' && <Overview />}
    </main>
  )
}

function keyWords(error: ApiError | undefined): string {
  if (error === undefined) return 'This view needs the service key of the server.'
  if (error.status === 403) return 'This key is not the service key.'
  return error.wantsKey ? 'The server does not know this key.' : error.message
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
