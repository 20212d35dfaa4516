/** Headers that go with every request, credentials above all. */

export type HeaderSource =
  | Readonly<Record<string, string>>
  /** `refused`: the last ones were answered with 401 or 403, get new ones. */
  | ((context: {
      readonly refused: boolean
    }) => Promise<Readonly<Record<string, string>>> | Readonly<Record<string, string>>)

export interface Credentials {
  headers(): Promise<Readonly<Record<string, string>> | undefined>
  /** Gets new ones the next time; false if they are fixed. */
  refresh(): Promise<boolean>
}

export function credentialsOf(headers: HeaderSource | undefined): Credentials {
  let refused = false
  return {
    headers: async () => {
      if (typeof headers !== 'function') return headers
      const current = await headers({ refused })
      refused = false
      return current
    },
    refresh: async () => {
      refused = true
      return typeof headers === 'function'
    },
  }
}
