import { commands } from './commands.ts'

/** What `pawl --help` prints. */
export function overview(): string {
  const width = Math.max(...commands.map(({ name }) => name.length))
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`)
  return `pawl: uploads that never start over

Usage: pawl <command> [options]

${lines.join('\n')}

Destinations are URLs:
  http(s)://host/files/  any tus server; PAWL_TOKEN is sent as bearer token
  supabase://bucket/key  SUPABASE_URL, SUPABASE_KEY, and SUPABASE_TOKEN to act as a user
  s3://bucket/key        AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL
  az://container/key     AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT with
                         AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN
  gs://bucket/key        GOOGLE_APPLICATION_CREDENTIALS, or the account of the machine
  ftp(s)://host/path     FTP_USER, FTP_PASSWORD
  sftp://user@host/path  SFTP_KEY, SFTP_PASSWORD or an agent; ~/path begins after login
  file:///path           a folder or file of this machine

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted and resumable.
pawl <command> --help tells more.
`
}
