import { useEffect, useRef, useState } from 'react'
import { UploadIcon } from './icons.tsx'

interface DropZoneProps {
  /** The list has rows: the zone steps back to a strip. */
  readonly small: boolean
  readonly onFiles: (files: File[]) => void
}

/** Files are taken wherever they are dropped on the page; this is where it says so. */
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
        <p className="zone-hint">
          {small
            ? 'Each one starts at once.'
            : 'Close the lid, lose the network, reload the page: what has arrived stays, and the upload goes on from there.'}
        </p>
      </div>
      <FilePicker
        className="button button-main"
        label={small ? 'Add files' : 'Choose files'}
        onFiles={onFiles}
      />
    </section>
  )
}

/** Nobody drops files with a finger. */
function titleOf(small: boolean): string {
  const touch = matchMedia('(hover: none)').matches
  if (small) return touch ? 'More files' : 'Drop more files'
  return touch ? 'Upload files' : 'Drop files here'
}

interface FilePickerProps {
  readonly className: string
  readonly label: string
  readonly describe?: string
  readonly single?: boolean
  readonly onFiles: (files: File[]) => void
}

/** A button that opens the system's file dialog. */
export function FilePicker({ className, label, describe, single = false, onFiles }: FilePickerProps) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <button
        type="button"
        className={className}
        aria-label={describe}
        onClick={() => input.current?.click()}
      >
        {label}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        multiple={!single}
        aria-label={describe ?? label}
        onChange={({ currentTarget }) => {
          const files = [...(currentTarget.files ?? [])]
          // The same file chosen twice in a row must count twice.
          currentTarget.value = ''
          if (files.length > 0) onFiles(files)
        }}
      />
    </>
  )
}

function useFileDrop(onFiles: (files: File[]) => void): boolean {
  const [over, setOver] = useState(false)
  const take = useRef(onFiles)
  take.current = onFiles
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
      if (!carriesFiles(event)) return
      event.preventDefault()
      depth = 0
      setOver(false)
      const files = [...(event.dataTransfer?.files ?? [])]
      if (files.length > 0) take.current(files)
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
