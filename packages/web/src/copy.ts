/** Puts text on the clipboard; true when it is there. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    // No clipboard on plain http, or not allowed: the old way still works there.
    const { activeElement } = document
    const field = document.createElement('textarea')
    field.value = text
    field.className = 'unseen'
    document.body.append(field)
    field.select()
    const copied = document.execCommand('copy')
    field.remove()
    if (activeElement instanceof HTMLElement) activeElement.focus()
    return copied
  }
}
