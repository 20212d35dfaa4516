import type { Http } from '../../http/http.ts'
import type { TusOptions } from '../tus/options.ts'

export interface SupabaseOptions {
  /** The project's URL, or that of its storage: `https://….supabase.co` is the same as `https://….supabase.co/storage/v1`. */
  readonly url: string | URL
  readonly bucket: string
  /** The project's API key. Sent as `apikey`, and as the bearer token where there is no `token`. */
  readonly apiKey?: string
  /**
   * The session token of a user. As a function it is asked for each request; `refused` says that the last one
   * was, because it expired or may not do this.
   */
  readonly token?: string | ((context: { readonly refused: boolean }) => Promise<string> | string)
  /**
   * Uploads with a token of `createSignedUploadUrl` instead of credentials; it is bound to one key. It is kept
   * in the session token, because an upload goes on with the one that it began with.
   */
  readonly signature?: string | ((key: string) => Promise<string> | string)
  /** Everybody may read the bucket: `url()` gives URLs that last. Default false. */
  readonly public?: boolean
  /**
   * Whether uploads and copies take the place of an object that is there. Default true. Supabase then asks its
   * policies for `select` and `update` too: pass false where only `insert` is allowed.
   */
  readonly upsert?: boolean
  /** Sizes of the chunks. Default: 6 MiB each, as Supabase demands. Pawl's server takes any: `{}`. */
  readonly chunk?: TusOptions['chunk']
  /** Parts of one file sent side by side, where the server joins them. Pawl's does, Supabase's does not. Default 1. */
  readonly parallel?: number
  /** Another HTTP implementation. */
  readonly http?: Http
}
