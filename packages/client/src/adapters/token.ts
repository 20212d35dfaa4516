/** Access tokens that are asked for when they are needed, and again when one was refused. */

export type TokenSource =
  | string
  /** `refused`: the last one was answered with 401, get a new one. */
  | ((context: { readonly refused: boolean }) => Promise<string> | string)

/** Who makes the `Authorization` of requests. */
export interface Authorization {
  /** Empty: requests go without. */
  header(): Promise<string>
  /** Forgets what was refused; false if there is nothing else. */
  refresh(): Promise<boolean>
}

/** Asks once for all calls until a token is refused. A failed answer is not kept. An empty scheme: the token alone. */
export function tokenAuthorization(source: TokenSource, scheme = 'Bearer'): Authorization {
  let refused = false
  let known: Promise<string> | undefined
  const ask = async () => {
    try {
      const token = typeof source === 'string' ? source : await source({ refused })
      refused = false
      return scheme === '' ? token : `${scheme} ${token}`
    } catch (error) {
      known = undefined
      throw error
    }
  }
  return {
    header: () => (known ??= ask()),
    refresh: async () => {
      known = undefined
      refused = true
      return typeof source !== 'string'
    },
  }
}
