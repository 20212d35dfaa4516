/** The environment variables that Supabase's guides use. */
import type { SupabaseOptions } from 'pawl/supabase'
import { UsageError } from './exit.ts'

/** @throws UsageError that names the variables */
export function supabaseOptions(
  bucket: string,
  env: NodeJS.ProcessEnv,
  parallel: number | undefined,
): SupabaseOptions {
  const url = env.SUPABASE_URL
  const apiKey = env.SUPABASE_KEY || env.SUPABASE_SERVICE_ROLE_KEY || env.SUPABASE_ANON_KEY
  const token = env.SUPABASE_TOKEN
  if (!url || !URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new UsageError('supabase:// needs SUPABASE_URL, the URL of the project')
  if (!apiKey && !token)
    throw new UsageError(
      'no Supabase credentials: set SUPABASE_KEY (or SUPABASE_SERVICE_ROLE_KEY, SUPABASE_ANON_KEY), and SUPABASE_TOKEN to act as a user',
    )
  return {
    url,
    bucket,
    ...(apiKey ? { apiKey } : {}),
    ...(token ? { token } : {}),
    ...(parallel === undefined ? {} : { parallel }),
  }
}
