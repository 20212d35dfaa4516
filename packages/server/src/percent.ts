/** Whether it is UTF-8 in percent-encoding: anything else cannot be decoded. */
export function isPercentEncoded(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
