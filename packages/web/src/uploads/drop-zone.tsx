import { pickFiles } from 'pawl/react'
import { useEffect, useRef, useState } from 'react'
import { UploadIcon } from '../icons.tsx'
import { type Found, filesIn, filesOf, fromInput } from './dropped.ts'

interface DropZoneProps {
  /** The list has rows: the zone steps back to a strip. */
  readonly small: boolean
  readonly onFiles: (found: Found) => void
}

/** Files and folders are taken wherever they are dropped on the page; this is where it says so. */
export function DropZone({ small, onFiles }: DropZoneProps) {
  const over = useFileDrop(onFiles)
  return (
    <section
      className={`zone${small ? ' zone-small' : ''}${over ? ' zone-over' : ''}`}
      aria-label="Add files"
    >
      <span className="zone-icon">
        <UploadIcon />
      </span>
      <div className="zone-words">
        <p className="zone-title">{over ? 'Let go to upload' : titleOf(small)}</p>
        {!small && (
          <p className="zone-hint">
            Close the lid, lose the network, reload the page: what has arrived stays, and the upload goes on
            from there.
          </p>
        )}
      </div>
      <div className="zone-buttons">
        <button
          type="button"
          className="button button-main"
          onClick={async () => {
            const files = await pickFiles({ multiple: true })
            if (files.length > 0) onFiles({ files: files.map((picked) => ({ picked })), unreadable: [] })
          }}
        >
          {small ? 'Add files' : 'Choose files'}
        </button>
        {!isTouch() && <FolderButton small={small} onFiles={onFiles} />}
      </div>
    </section>
  )
}

/** Nobody drops files with a finger, and phones have no folders to choose. */
function isTouch(): boolean {
  return matchMedia('(hover: none)').matches
}

function titleOf(small: boolean): string {
  if (small) return isTouch() ? 'More files' : 'Drop more files or folders'
  return isTouch() ? 'Upload files' : 'Drop files or folders here'
}

interface PickerWindow {
  showDirectoryPicker?(): Promise<FileSystemDirectoryHandle>
}

function FolderButton({ small, onFiles }: DropZoneProps) {
  const pick = async () => {
    const { showDirectoryPicker } = globalThis as PickerWindow
    if (showDirectoryPicker === undefined) return pickWithInput()
    // Cancelled.
    const folder = await showDirectoryPicker.call(globalThis).catch(() => undefined)
    if (folder !== undefined) onFiles(await filesIn(folder))
  }
  const pickWithInput = () => {
    const input = document.createElement('input')
    input.type = 'file'
    input.webkitdirectory = true
    input.addEventListener('change', () => onFiles({ files: fromInput(input.files ?? []), unreadable: [] }))
    input.click()
  }
  return (
    <button type="button" className="button" onClick={() => void pick()}>
      {small ? 'Add a folder' : 'Choose a folder'}
    </button>
  )
}

function useFileDrop(onFiles: (found: Found) => void): boolean {
  const [over, setOver] = useState(false)
  const take = useRef(onFiles)
  useEffect(() => {
    take.current = onFiles
  })
  useEffect(() => {
    // Each element under the pointer sends its own enter and leave: their count tells when the pointer is outside.
    let depth = 0
    const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false
    const enter = (event: DragEvent) => {
      if (!carriesFiles(event)) return
      depth += 1
      setOver(true)
    }
    const leave = () => {
      depth = Math.max(0, depth - 1)
      if (depth === 0) setOver(false)
    }
    const hover = (event: DragEvent) => {
      // Without this the browser opens the file in place of the page.
      if (!carriesFiles(event)) return
      event.preventDefault()
      if (event.dataTransfer !== null) event.dataTransfer.dropEffect = 'copy'
    }
    const drop = (event: DragEvent) => {
      if (!carriesFiles(event) || event.dataTransfer === null) return
      event.preventDefault()
      depth = 0
      setOver(false)
      void filesOf(event.dataTransfer.items).then((found) => {
        if (found.files.length + found.unreadable.length > 0) take.current(found)
      })
    }
    const stop = new AbortController()
    const { signal } = stop
    addEventListener('dragenter', enter, { signal })
    addEventListener('dragleave', leave, { signal })
    addEventListener('dragover', hover, { signal })
    addEventListener('drop', drop, { signal })
    return () => stop.abort()
  }, [])
  return over
}
