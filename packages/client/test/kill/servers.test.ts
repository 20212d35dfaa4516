/** Kills against servers of files. */
import { join } from 'node:path'
import { type FtpServerName, hasFtp, startFtp } from '../servers/ftp.ts'
import { hasSshd, startSshd } from '../servers/sshd.ts'
import { hasWebdav, startWebdav } from '../servers/webdav.ts'
import type { AdapterDescription } from './job.ts'
import { FEW, type KillWorld, killTests, sha256Of } from './kill-tests.ts'

const MIB = 2 ** 20

function worldOf(
  adapter: AdapterDescription,
  { files, close }: { readonly files: string; close(): Promise<void> },
): KillWorld {
  return { adapter, partSize: MIB, digest: (key) => sha256Of(join(files, key)), close }
}

const ftpServers: readonly FtpServerName[] = ['vsftpd', 'proftpd', 'pure-ftpd']
for (const name of ftpServers.filter(hasFtp)) {
  killTests(
    `ftp on ${name}`,
    async () => {
      const server = await startFtp(name)
      return worldOf({ name: 'ftp', ...server.options }, server)
    },
    FEW,
  )
}

if (hasSshd()) {
  killTests(
    'sftp',
    async () => {
      const server = await startSshd()
      return worldOf({ name: 'sftp', ...server.options }, server)
    },
    FEW,
  )
}

if (await hasWebdav('apache')) {
  killTests(
    'webdav on apache',
    async () => {
      const server = await startWebdav('apache')
      return worldOf({ name: 'webdav', ...server.options }, server)
    },
    FEW,
  )
}
