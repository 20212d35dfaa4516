import { useState } from 'react'
import { Notice } from '../notice.tsx'
import { ObjectTable } from './object-table.tsx'
import type { Place, StoredObject } from './objects.ts'
import { Preview } from './preview.tsx'
import { useAsked } from './use-asked.ts'
import { useObjects } from './use-objects.ts'

interface Bucket {
  readonly id: string
  readonly public: boolean
}

/** Buckets and what is in them. @param storage Where the storage face is, relative to the page. */
export function ObjectsPanel({ storage }: { readonly storage: string }) {
  const buckets = useAsked<readonly Bucket[]>(`${storage}/bucket`)
  const [place, setPlace] = useState<Place>({ kind: 'plain' })
  // The plain endpoint's own bucket is shown with the names of its files.
  const listed = (buckets.value ?? []).filter(({ id }) => id !== 'files')
  return (
    <div className="objects">
      <nav className="buckets" aria-label="Buckets">
        <BucketButton
          label="Plain uploads"
          more="/files/"
          current={place.kind === 'plain'}
          onClick={() => setPlace({ kind: 'plain' })}
        />
        {listed.map((bucket) => (
          <BucketButton
            key={bucket.id}
            label={bucket.id}
            more={bucket.public ? 'public' : 'private'}
            current={place.kind === 'bucket' && place.id === bucket.id}
            onClick={() => setPlace({ kind: 'bucket', id: bucket.id, public: bucket.public, storage })}
          />
        ))}
      </nav>
      <Browser key={place.kind === 'plain' ? '' : place.id} place={place} error={buckets.error?.message} />
    </div>
  )
}

interface BucketButtonProps {
  readonly label: string
  readonly more: string
  readonly current: boolean
  readonly onClick: () => void
}

function BucketButton({ label, more, current, onClick }: BucketButtonProps) {
  return (
    <button type="button" className="bucket" aria-current={current ? 'true' : undefined} onClick={onClick}>
      <span>{label}</span> <span className="cell-soft">{more}</span>
    </button>
  )
}

function Browser({ place, error }: { readonly place: Place; readonly error: string | undefined }) {
  const [folder, setFolder] = useState('')
  const [search, setSearch] = useState('')
  const objects = useObjects(place, folder, search)
  const [shown, setShown] = useState<StoredObject>()
  const [notice, setNotice] = useState<string>()
  const open = (next: string) => {
    setFolder(next)
    setSearch('')
  }
  return (
    <section className="panel" aria-labelledby="objects-title">
      <div className="panel-head">
        <h2 id="objects-title">{place.kind === 'plain' ? 'Plain uploads' : place.id}</h2>
        <Crumbs folder={folder} onOpen={open} />
        <input
          type="search"
          className="search"
          aria-label={place.kind === 'plain' ? 'Search what is listed' : 'Search by the beginning of names'}
          placeholder="Search"
          value={search}
          onChange={({ target }) => setSearch(target.value)}
        />
      </div>
      <Notice words={notice ?? objects.error ?? error} onClose={() => setNotice(undefined)} />
      <ObjectTable
        place={place}
        objects={objects}
        onFolder={(name) => open(`${folder}${name}/`)}
        onShow={setShown}
        onNote={setNotice}
      />
      {shown !== undefined && <Preview place={place} object={shown} onClose={() => setShown(undefined)} />}
    </section>
  )
}

interface CrumbsProps {
  readonly folder: string
  readonly onOpen: (folder: string) => void
}

/** The way down to the folder that is shown. */
function Crumbs({ folder, onOpen }: CrumbsProps) {
  const names = folder.split('/').slice(0, -1)
  if (names.length === 0) return <p />
  return (
    <nav className="crumbs" aria-label="Folder">
      <button type="button" className="button-text" onClick={() => onOpen('')}>
        All
      </button>
      {names.map((name, index) => {
        const path = `${names.slice(0, index + 1).join('/')}/`
        return (
          <button
            key={path}
            type="button"
            className="button-text"
            aria-current={path === folder ? 'true' : undefined}
            onClick={() => onOpen(path)}
          >
            / {name}
          </button>
        )
      })}
    </nav>
  )
}
