import type { Uploads, UploadView } from 'pawl/react'
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { CopyLine } from '../copy-line.tsx'
import { percentOf } from '../format.ts'
import { keepKey } from '../key.ts'
import { KeyPanel } from '../key-panel.tsx'
import { Notice } from '../notice.tsx'
import { curlLine } from './curl-line.ts'
import { DropZone } from './drop-zone.tsx'
import type { Found } from './dropped.ts'
import { RowList } from './row-list.tsx'
import { TotalPanel } from './total-panel.tsx'
import { totalsOf } from './totals.ts'
import { UploadRow } from './upload-row.tsx'
import type { Check } from './use-checks.ts'
import { useSpeeds } from './use-speeds.ts'
import { announcement, errorWords } from './words.ts'

interface UploadsViewProps {
  readonly endpoint: string
  readonly list: Uploads
  /** By the ids of uploads. */
  readonly checks: ReadonlyMap<string, Check>
  readonly slow: boolean
  readonly onSlow: (slow: boolean) => void
}

export function UploadsView({ endpoint, list, checks, slow, onSlow }: UploadsViewProps) {
  const { uploads, add, remove } = list
  const [notice, setNotice] = useState<string>()
  const totals = useMemo(() => totalsOf(uploads), [uploads])
  const speeds = useSpeeds(uploads, totals.sending > 0)
  useTitle(totals.busy > 0 ? percentOf(totals.sent, totals.size, false) : undefined)
  useForgetAborted(uploads, remove)

  const addFiles = async ({ files, unreadable }: Found) => {
    const added = await add(files)
    setNotice(addedWords({ ...added, unreadable: [...unreadable, ...added.unreadable] }))
  }
  const locked = uploads.find(({ error }) => error?.code === 'Unauthorized')
  const unlock = (key: string) => {
    keepKey(key)
    for (const upload of uploads) if (upload.error?.code === 'Unauthorized') upload.resume()
  }
  const onRemove = useCallback(
    (upload: UploadView) => {
      if (upload.status === 'completed') remove(upload.id)
      else void upload.abort()
    },
    [remove],
  )
  return (
    <>
      <main>
        {locked?.error !== undefined && <KeyPanel words={`${errorWords(locked.error)}.`} onKey={unlock} />}
        <DropZone small={uploads.length > 0} onFiles={(found) => void addFiles(found)} />
        <Notice words={notice} onClose={() => setNotice(undefined)} />
        {uploads.length > 0 && (
          <section className="list" aria-labelledby="list-title">
            <TotalPanel
              totals={totals}
              samples={speeds.total}
              slow={slow}
              onSlow={onSlow}
              onPause={() => each(uploads, ['queued', 'uploading'], (upload) => upload.pause())}
              onResume={() =>
                each(uploads, ['paused', 'interrupted', 'error'], (upload) => {
                  if (upload.status !== 'interrupted' || upload.needs !== 'file') upload.resume()
                })
              }
              onCancel={() => {
                for (const upload of uploads) void upload.abort()
              }}
              onClear={() =>
                remove(...uploads.filter(({ status }) => status === 'completed').map(({ id }) => id))
              }
            />
            {totals.missing > 1 && (
              <p className="list-hint">
                {totals.missing} uploads wait for their files. Drop them again, all at once and in any order:
                each goes on where it was.
              </p>
            )}
            <RowList
              count={uploads.length}
              labelledBy="list-title"
              row={(index) => {
                const upload = uploads[index]
                return (
                  upload && (
                    <UploadRow
                      key={upload.id}
                      upload={upload}
                      check={checks.get(upload.id)}
                      samples={speeds.each.get(upload.id)}
                      place={index + 1}
                      of={uploads.length}
                      onRemove={onRemove}
                      onNote={setNotice}
                    />
                  )
                )
              }}
            />
          </section>
        )}
        <Announcer uploads={uploads} />
      </main>
      <footer className="foot">
        <CopyLine label="Endpoint" text={endpoint} />
        <CopyLine label="From a terminal" text={curlLine(endpoint)} />
      </footer>
    </>
  )
}

function each(
  uploads: readonly UploadView[],
  statuses: readonly UploadView['status'][],
  act: (upload: UploadView) => void,
): void {
  for (const upload of uploads) if (statuses.includes(upload.status)) act(upload)
}

function addedWords({ known, unreadable, begun }: Awaited<ReturnType<Uploads['add']>>): string | undefined {
  const words = []
  if (known > 0)
    words.push(known === 1 ? 'One file is on the list already.' : `${known} files are on the list already.`)
  const [first] = unreadable
  if (first !== undefined)
    words.push(
      unreadable.length === 1
        ? `“${first}” cannot be read.`
        : `${unreadable.length} files or folders cannot be read, such as “${first}”.`,
    )
  if (words.length > 0 && begun > 0) words.push(`${begun} added.`)
  return words.length === 0 ? undefined : words.join(' ')
}

/** What was cancelled leaves the list. */
function useForgetAborted(uploads: readonly UploadView[], remove: Uploads['remove']): void {
  useEffect(() => {
    const gone = uploads.filter(({ status }) => status === 'aborted').map(({ id }) => id)
    if (gone.length > 0) remove(...gone)
  }, [uploads, remove])
}

/** The tab's title tells how far everything is while another tab is looked at. */
function useTitle(percent: number | undefined): void {
  const title = percent === undefined ? 'Pawl' : `${percent} % · Pawl`
  useEffect(() => {
    document.title = title
    return () => {
      document.title = 'Pawl'
    }
  }, [title])
}

/** Tells screen readers what has ended or failed; how far each one is can be asked of its bar. */
function Announcer({ uploads }: { readonly uploads: readonly UploadView[] }) {
  const [words, setWords] = useState('')
  const before = useRef<ReadonlyMap<string, UploadView>>(new Map())
  useEffect(() => {
    const said = announcement(before.current, uploads)
    before.current = new Map(uploads.map((upload) => [upload.id, upload]))
    if (said !== undefined) setWords(said)
  }, [uploads])
  return (
    <p className="unseen" role="status">
      {words}
    </p>
  )
}
