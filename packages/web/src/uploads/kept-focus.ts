import { type RefObject, useEffect, useLayoutEffect, useRef } from 'react'

/** When the button that had the focus goes with its state, the focus stays in the row instead of falling to the page. */
export function useKeptFocus(state: string): RefObject<HTMLLIElement | null> {
  const item = useRef<HTMLLIElement>(null)
  const inside = useRef(false)
  useEffect(() => {
    const note = () => {
      const { activeElement } = document
      // A removed element leaves the focus on the body without any event: that is the case to mend.
      if (activeElement !== document.body) inside.current = item.current?.contains(activeElement) ?? false
    }
    document.addEventListener('focusin', note)
    return () => document.removeEventListener('focusin', note)
  }, [])
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is the change of state that takes the button away
  useLayoutEffect(() => {
    if (!inside.current || document.activeElement !== document.body) return
    item.current?.querySelector<HTMLElement>('.row-actions button')?.focus()
  }, [state])
  return item
}

/** Before a row goes: the next one, the one before, or the page's first button takes the focus. */
export function focusNeighbour(button: HTMLElement): void {
  const row = button.closest('li')
  const neighbour = row?.nextElementSibling ?? row?.previousElementSibling ?? document.querySelector('.zone')
  neighbour?.querySelector<HTMLElement>('.row-actions button:last-child, .zone button, button')?.focus()
}
