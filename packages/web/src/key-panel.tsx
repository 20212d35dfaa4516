import { type FormEvent, useId, useState } from 'react'

interface KeyPanelProps {
  readonly words: string
  readonly onKey: (key: string) => void
}

export function KeyPanel({ words, onKey }: KeyPanelProps) {
  const id = useId()
  const [key, setKey] = useState('')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    // A header takes no line breaks or blanks; pasted keys often end in one.
    const clean = key.replaceAll(/\s+/g, '').replace(/^Bearer/i, '')
    setKey('')
    if (/^[\x21-\x7e]+$/.test(clean)) onKey(clean)
  }
  return (
    <form className="key" onSubmit={submit}>
      <label htmlFor={id}>Key</label>
      <p id={`${id}-why`}>{words} It stays in this tab and is forgotten when you close it.</p>
      <div className="key-line">
        <input
          id={id}
          type="password"
          autoComplete="off"
          spellCheck={false}
          placeholder="Paste a key"
          aria-describedby={`${id}-why`}
          value={key}
          onChange={({ target }) => setKey(target.value)}
        />
        <button type="submit" className="button button-main">
          Use it
        </button>
      </div>
    </form>
  )
}
