/** Access tokens that a test can expire: then the next one is right, and the last one is refused. */
export interface Tokens {
  /** The one that is accepted now. */
  readonly current: string
  expire(): void
  /** @param header `Authorization`, with its scheme. */
  accepts(header: string | undefined, scheme?: string): boolean
}

export function tokens(): Tokens {
  let count = 1
  const token = () => `token-${count}`
  return {
    get current() {
      return token()
    },
    expire: () => {
      count++
    },
    accepts: (header, scheme = 'Bearer') => header === `${scheme} ${token()}`,
  }
}
