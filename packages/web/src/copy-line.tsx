import { useState } from 'react'
import { copyText } from './copy.ts'

/** A line of text to take along. */
export function CopyLine({ label, text }: { readonly label: string; readonly text: string }) {
  const [copied, setCopied] = useState(false)
  return (
    <div className="line">
      <span className="line-label">{label}</span>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a line that scrolls must be reachable by keyboard */}
      <code tabIndex={0}>{text}</code>
      <button
        type="button"
        className="button-text"
        aria-label={`Copy: ${label}`}
        onClick={() => void copyText(text).then(setCopied)}
        onBlur={() => setCopied(false)}
      >
        <span aria-live="polite">{copied ? 'Copied' : 'Copy'}</span>
      </button>
    </div>
  )
}
