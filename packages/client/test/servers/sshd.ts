/** OpenSSH's server with a configuration, a key and a user of its own, for SFTP only. */
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { end, freePort, greets, run, start, until } from '@pawl/emulators/processes'
import type { SftpOptions } from '../../src/adapters/sftp/options.ts'
import { isUnpacked, LIBRARIES, unpacked } from './unpacked.ts'

export interface SshServer {
  readonly options: SftpOptions & { readonly privateKey: string }
  /** The folder that keys are paths below. */
  readonly files: string
  close(): Promise<void>
}

/** As root it would want to be a service of the machine: it runs as nobody. */
const NOBODY = { uid: 65534, gid: 65534 }

export function hasSshd(): boolean {
  return isUnpacked('usr/sbin/sshd')
}

export async function startSshd(): Promise<SshServer> {
  const home = await mkdtemp(join(tmpdir(), 'pawl-sshd-'))
  const at = (name: string) => join(home, name)
  await mkdir(at('files'))
  const port = await freePort()
  for (const name of ['host', 'user'])
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(name)])
  const { stdout } = await run('ssh-keygen', ['-lf', at('host.pub')])
  const lines = [
    ...[`Port ${port}`, 'ListenAddress 127.0.0.1', `HostKey ${at('host')}`, `PidFile ${at('pid')}`],
    ...['StrictModes no', 'UsePAM yes', 'PasswordAuthentication no', 'KbdInteractiveAuthentication no'],
    ...[`AuthorizedKeysFile ${at('user.pub')}`, 'MaxStartups 100', 'Subsystem sftp internal-sftp'],
  ]
  await writeFile(at('sshd_config'), `${lines.join('\n')}\n`)
  const isRoot = process.getuid?.() === 0
  if (isRoot) {
    for (const name of ['', 'files', 'host', 'host.pub', 'user.pub', 'sshd_config'])
      await chown(at(name), NOBODY.uid, NOBODY.gid)
  }
  await chmod(home, 0o755)
  const args = ['-D', '-e', '-f', at('sshd_config')]
  const child = start(unpacked('usr/sbin/sshd'), args, at('log'), LIBRARIES, isRoot ? NOBODY : {})
  await until('sshd', () => greets(port))
  return {
    options: {
      host: '127.0.0.1',
      port,
      user: isRoot ? 'nobody' : userInfo().username,
      hostKeys: [stdout.split(' ')[1] ?? ''],
      privateKey: await readFile(at('user'), 'utf8'),
      root: at('files'),
    },
    files: at('files'),
    close: async () => {
      await end([child])
      await rm(home, { recursive: true, force: true })
    },
  }
}
