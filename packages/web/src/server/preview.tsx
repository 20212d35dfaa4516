import { useEffect, useRef, useState } from 'react'
import { formatBytes } from '../format.ts'
import { CloseIcon } from '../icons.tsx'
import { glimpse, type Place, type StoredObject, signedLink, whole } from './objects.ts'

interface PreviewProps {
  readonly place: Place
  readonly object: StoredObject
  readonly onClose: () => void
}

type Shown =
  | { readonly kind: 'looking' }
  | { readonly kind: 'image' | 'video' | 'audio'; readonly url: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'words'; readonly words: string }

/** Bytes of a picture that is fetched whole. */
const MOST = 32_000_000
/** How long a link for one look works, in seconds. */
const LOOK_SECONDS = 600

/** One object looked at: as a picture, a film, a sound or a text. Never as a document, which could run something. */
export function Preview({ place, object, onClose }: PreviewProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const [shown, setShown] = useState<Shown>({ kind: 'looking' })
  useEffect(() => {
    dialog.current?.showModal()
    let current = true
    let made: string | undefined
    look(place, object).then(
      (found) => {
        if ('url' in found && found.url.startsWith('blob:')) made = found.url
        if (current) setShown(found)
        else if (made !== undefined) URL.revokeObjectURL(made)
      },
      (error: Error) => current && setShown({ kind: 'words', words: error.message }),
    )
    return () => {
      current = false
      if (made !== undefined) URL.revokeObjectURL(made)
    }
  }, [place, object])
  return (
    <dialog ref={dialog} className="preview" aria-labelledby="preview-title" onClose={onClose}>
      <div className="preview-head">
        <h3 id="preview-title">{object.name}</h3>
        <p>
          {formatBytes(object.size)} · {object.type}
        </p>
        <button
          type="button"
          className="button-icon"
          aria-label="Close the preview"
          onClick={() => dialog.current?.close()}
        >
          <CloseIcon />
        </button>
      </div>
      <Content shown={shown} name={object.name} />
    </dialog>
  )
}

function Content({ shown, name }: { readonly shown: Shown; readonly name: string }) {
  switch (shown.kind) {
    case 'looking':
      return <p className="nothing">Looking …</p>
    case 'image':
      return <img src={shown.url} alt={name} />
    case 'video':
      // biome-ignore lint/a11y/useMediaCaption: what was uploaded has none
      return <video src={shown.url} controls />
    case 'audio':
      // biome-ignore lint/a11y/useMediaCaption: what was uploaded has none
      return <audio src={shown.url} controls />
    case 'text':
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a text that scrolls must be reachable by keyboard
      return <pre tabIndex={0}>{shown.text}</pre>
    case 'words':
      return <p className="nothing">{shown.words}</p>
  }
}

async function look(place: Place, object: StoredObject): Promise<Shown> {
  const { type, key, size } = object
  const kind = /^(image|video|audio)\//.exec(type)?.[1] as 'image' | 'video' | 'audio' | undefined
  if (kind !== undefined && place.kind === 'bucket')
    return { kind, url: await signedLink(place, key, LOOK_SECONDS) }
  if (kind === 'image' && size <= MOST) return { kind, url: URL.createObjectURL(await whole(place, key)) }
  // Whole words: those of office documents have "openxml" in them, and are not text.
  if (/^text\/|json\b|\bxml\b|javascript|yaml/.test(type))
    return { kind: 'text', text: await glimpse(place, object) }
  return { kind: 'words', words: 'There is no preview of this kind of file.' }
}
