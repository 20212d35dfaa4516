/** What can be computed here, the quickest first. */
const KNOWN = ['crc32', 'sha1', 'sha256'] as const
export type Checksum = (typeof KNOWN)[number]

/** The quickest algorithm that a server offers. */
export function quickest(offered: readonly string[]): Checksum | undefined {
  return KNOWN.find((algorithm) => offered.includes(algorithm))
}
