/** Where sessions rest between runs: the folder for state that the system gives each user. */
import { chmod, mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/** `$XDG_STATE_HOME`, or what the platform has in its place. */
export function sessionsFolder(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
  home: string = homedir(),
): string {
  // Relative ones are to be ignored, says the XDG Base Directory Specification.
  if (env.XDG_STATE_HOME && isAbsolute(env.XDG_STATE_HOME)) return join(env.XDG_STATE_HOME, 'pawl/sessions')
  if (platform === 'darwin') return join(home, 'Library/Application Support/pawl/sessions')
  if (platform === 'win32') return join(env.LOCALAPPDATA ?? join(home, 'AppData/Local'), 'pawl/sessions')
  return join(home, '.local/state/pawl/sessions')
}

/** Makes the folder, readable by its owner only: a session can carry the permission to write. */
export async function makeSessionsFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await chmod(folder, 0o700)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`sessions cannot be kept (${why}): set XDG_STATE_HOME to a folder that can be written`, {
      cause,
    })
  }
}
