import type { ReactNode } from 'react'

/** Line icons on a 20-unit grid. They stand beside or inside a named control, so they are hidden from its tree. */
function icon(content: ReactNode) {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      {content}
    </svg>
  )
}

export const PauseIcon = () => icon(<path className="solid" d="M6 4.5h2.5v11H6zM11.5 4.5H14v11h-2.5z" />)
export const PlayIcon = () => icon(<path d="M7 4.500v11l8.5-5.500z" />)
export const CloseIcon = () => icon(<path d="m5.5 5.5 9 9M14.5 5.500l-9 9" />)
export const CheckIcon = () => icon(<path d="m4.5 10.5 3.5 3.5 7.5-8" />)
export const AlertIcon = () => icon(<path d="M10 4.500v6.500M10 14.800v.2" />)
export const LinkIcon = () =>
  icon(
    <path d="m8.5 11.5 3-3M9.5 6 11.6 3.900a3.2 3.2 0 0 1 4.5 4.500L14 10.500M6 9.500l-2.1 2.100a3.2 3.2 0 0 0 4.5 4.500L10.5 14" />,
  )
export const RetryIcon = () => icon(<path d="M15.5 10a5.5 5.5 0 1 1-1.8-4.100M14 2.800v3.400h-3.4" />)
export const FileIcon = () => icon(<path d="M5 2.800h6.500L15 6.300v10.900H5zM11.3 3v3.500h3.5" />)
export const FolderIcon = () => icon(<path d="M2.800 5.200h5l1.800 2h7.600v8.600H2.800z" />)
export const UploadIcon = () =>
  icon(<path d="M10 13V4M6.2 7.5 10 3.700l3.8 3.800M3.5 13.500v2.800h13v-2.8" />)

/** The mark: a pawl that lies on a ratchet's teeth. */
export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path className="mark-teeth" d="M2.5 28.5v-3l9-7.5v7.5l9-7.5v7.5l9-7.5v10.5z" />
      <path className="mark-gap" d="M23 6.5 14.5 19.5" />
      <path d="M23 6.5 14.5 19.5" />
      <circle cx="23" cy="6.5" r="2.5" />
    </svg>
  )
}
