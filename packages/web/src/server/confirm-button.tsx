import { useEffect, useState } from 'react'

interface ConfirmButtonProps {
  readonly label: string
  readonly describe: string
  readonly onConfirm: () => void
}

/** How long the question stands, in milliseconds. */
const STANDS = 5000

/** A button for what cannot be taken back: it asks, and does it at the second click. */
export function ConfirmButton({ label, describe, onConfirm }: ConfirmButtonProps) {
  const [asking, setAsking] = useState(false)
  useEffect(() => {
    if (!asking) return
    const timer = setTimeout(() => setAsking(false), STANDS)
    return () => clearTimeout(timer)
  }, [asking])
  return (
    <button
      type="button"
      className={asking ? 'button-text button-bad' : 'button-text'}
      aria-label={asking ? `Really: ${describe}?` : describe}
      onClick={({ detail }) => {
        // A double click has not read the question.
        if (detail > 1) return
        if (asking) onConfirm()
        setAsking(!asking)
      }}
      onBlur={() => setAsking(false)}
    >
      {asking ? 'Really?' : label}
    </button>
  )
}
