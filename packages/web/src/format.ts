const units = ['kB', 'MB', 'GB', 'TB', 'PB']

/** A size for people, in powers of ten like the server's settings: `999 B`, `1.2 kB`, `30 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${Math.max(0, Math.round(bytes))} B`
  let value = bytes
  let unit = ''
  for (const name of units) {
    // 999.96 would print as 1000 of the smaller unit.
    if (unit !== '' && value < 999.5) break
    value /= 1000
    unit = name
  }
  const digits = value < 9.95 ? 1 : 0
  return `${value.toFixed(digits).replace(/\.0$/, '')} ${unit}`
}

/** Bytes of bytes in the larger one's unit where both share it: `12 of 30 MB`. */
export function formatPortion(part: number, whole: number): string {
  const [partValue, partUnit] = formatBytes(part).split(' ')
  const [wholeValue, wholeUnit] = formatBytes(whole).split(' ')
  const left = partUnit === wholeUnit ? partValue : `${partValue} ${partUnit}`
  return `${left} of ${wholeValue} ${wholeUnit}`
}

/** Seconds as people say them: `5 s`, `2 min`, `1 h 5 min`, `3 d`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(1, Math.ceil(seconds))
  if (whole < 60) return `${whole} s`
  const minutes = Math.ceil(whole / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours >= 48) return `${Math.round(hours / 24)} d`
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
}

/** Whole per cent, rounded down: 100 is shown only when the server has confirmed the whole file. */
export function percentOf(sent: number, size: number, confirmed: boolean): number {
  if (confirmed) return 100
  if (size === 0) return 0
  return Math.min(99, Math.max(0, Math.floor((100 * sent) / size)))
}

/** The short ending that stands on a file's tile: `PDF`, `JPEG`, or nothing. */
export function extensionOf(name: string): string {
  const match = /\.([a-z0-9]{1,4})$/i.exec(name)
  return match?.[1]?.toUpperCase() ?? ''
}

/** How long ago, from milliseconds: `now`, `5 s`, `2 min`, `3 h`, `4 d`. */
export function formatAge(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000)
  if (seconds < 1) return 'now'
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}
