/**
 * Fetches an object that asks for a key: a plain link cannot carry one. The browser keeps the bytes on its disk
 * until they are saved. Resolves to what went wrong, in words, or to undefined.
 */
export async function downloadWithKey(url: string, name: string, key: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { headers: { Authorization: `Bearer ${key}` } })
    if (!response.ok) return `“${name}” cannot be downloaded with this key (${response.status}).`
    const address = URL.createObjectURL(await response.blob())
    const link = document.createElement('a')
    link.href = address
    link.download = name
    link.click()
    // The download has taken hold of the bytes well before this.
    setTimeout(() => URL.revokeObjectURL(address), 60_000)
    return undefined
  } catch {
    return `“${name}” could not be downloaded: the connection broke.`
  }
}
