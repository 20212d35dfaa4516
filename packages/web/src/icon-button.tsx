import type { ReactNode } from 'react'

interface IconButtonProps {
  readonly label: string
  readonly title: string
  readonly onClick: () => void
  readonly children: ReactNode
}

export function IconButton({ label, title, onClick, children }: IconButtonProps) {
  return (
    <button type="button" className="button-icon" aria-label={label} title={title} onClick={onClick}>
      {children}
    </button>
  )
}
