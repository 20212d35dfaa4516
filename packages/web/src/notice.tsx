import { CloseIcon } from './icons.tsx'

interface NoticeProps {
  readonly words: string | undefined
  readonly onClose: () => void
}

/** Something to know, said to everyone. The place for it is always there, so that it is heard too. */
export function Notice({ words, onClose }: NoticeProps) {
  return (
    <div role="status">
      {words !== undefined && (
        <p className="notice">
          <span>{words}</span>
          <button type="button" className="button-icon" aria-label="Close the note" onClick={onClose}>
            <CloseIcon />
          </button>
        </p>
      )}
    </div>
  )
}
