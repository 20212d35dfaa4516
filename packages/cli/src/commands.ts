/** Every command, in the order of the overview. */
import type { Command } from './command.ts'
import { abort } from './commands/abort.ts'
import { check } from './commands/check.ts'
import { get } from './commands/get.ts'
import { keys } from './commands/keys.ts'
import { ls } from './commands/ls.ts'
import { resume } from './commands/resume.ts'
import { rm } from './commands/rm.ts'
import { serve } from './commands/serve.ts'
import { sessions } from './commands/sessions.ts'
import { token } from './commands/token.ts'
import { upload } from './commands/upload.ts'

export const commands: readonly Command[] = [
  upload,
  resume,
  sessions,
  abort,
  ls,
  get,
  rm,
  serve,
  check,
  keys,
  token,
]
