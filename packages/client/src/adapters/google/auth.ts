/** Google's own library for credentials (`google-auth-library`, an optional peer), loaded when it is needed. */
import type { AuthClient, GoogleAuth } from 'google-auth-library'
import { FilesError } from '../../errors.ts'
import type { Authorization } from '../token.ts'

/** A service account's key, as its JSON file has it. */
export interface GoogleCredentials {
  readonly client_email: string
  readonly private_key: string
}

export interface GoogleAuthorization extends Authorization {
  /** The signature of a text in base64, by the service account. */
  sign(text: string): Promise<string>
  /** The service account that signs. */
  email(): Promise<string>
}

/**
 * @param credentials Default: what the library finds, such as GOOGLE_APPLICATION_CREDENTIALS.
 * @param selfSigned The service takes tokens that a service account signed itself: one request less.
 */
export function googleAuthorization(
  scope: string,
  credentials: GoogleCredentials | undefined,
  selfSigned: boolean,
): GoogleAuthorization {
  let known: Promise<{ readonly auth: GoogleAuth; readonly client: AuthClient }> | undefined
  const load = async () => {
    const { GoogleAuth, JWT } = await loadLibrary()
    const auth = new GoogleAuth(
      credentials
        ? {
            authClient: new JWT({
              email: credentials.client_email,
              key: credentials.private_key,
              scopes: [scope],
            }),
          }
        : { scopes: [scope] },
    )
    const client = await auth.getClient().catch((cause: unknown) => {
      throw new FilesError(
        'Unauthorized',
        'no Google credentials: pass `credentials` or `token`, or set GOOGLE_APPLICATION_CREDENTIALS',
        cause,
        { retryable: false },
      )
    })
    if (selfSigned && client instanceof JWT) client.useJWTAccessWithScope = true
    return { auth, client }
  }
  const get = () => {
    known ??= load()
    known.catch(() => {
      known = undefined
    })
    return known
  }
  return {
    header: async () => {
      const { client } = await get()
      return (await client.getRequestHeaders()).get('authorization') ?? ''
    },
    refresh: async () => {
      known = undefined
      return true
    },
    sign: async (text) => (await get()).auth.sign(text),
    email: async () =>
      credentials?.client_email ?? (await (await get()).auth.getCredentials()).client_email ?? '',
  }
}

async function loadLibrary(): Promise<typeof import('google-auth-library')> {
  try {
    return await import('google-auth-library')
  } catch (cause) {
    throw new FilesError(
      'NotSupported',
      "Google's credentials need its library: npm install google-auth-library; or pass `token`",
      cause,
    )
  }
}
