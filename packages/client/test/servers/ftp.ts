/** Three FTP servers that differ in what they do with REST, each with a user, plain or with TLS. */
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { end, freePort, greets, run, start, until } from '@pawl/emulators/processes'
import type { FtpOptions } from '../../src/adapters/ftp/options.ts'
import { type Certificate, makeCertificate } from './certificate.ts'
import { isUnpacked, LIBRARIES, unpacked } from './unpacked.ts'

export type FtpServerName = 'vsftpd' | 'proftpd' | 'pure-ftpd'

export interface FtpServer {
  readonly options: FtpOptions & { readonly password: string }
  /** The folder that its user sees. */
  readonly files: string
  close(): Promise<void>
}

const NOBODY = 65534

/** pure-ftpd runs as root only. */
export function hasFtp(name: FtpServerName): boolean {
  return isUnpacked(`usr/sbin/${name}`) && (name !== 'pure-ftpd' || process.getuid?.() === 0)
}

/** @param goesOn Whether files that exist may be written to; ProFTPD can be told so. */
export async function startFtp(name: FtpServerName, tls = false, goesOn = true): Promise<FtpServer> {
  const home = await mkdtemp(join(tmpdir(), `pawl-${name}-`))
  const files = join(home, 'files')
  await mkdir(files)
  await chmod(home, 0o755)
  const port = await freePort()
  const certificate = tls ? await makeCertificate(home) : undefined
  const args = await CONFIGURE[name](home, port, certificate, goesOn)
  const child = start(unpacked(`usr/sbin/${name}`), args, join(home, 'log'), LIBRARIES)
  await until(name, () => greets(port))
  return {
    options: {
      host: tls ? 'localhost' : '127.0.0.1',
      port,
      user: name === 'vsftpd' ? 'anonymous' : 'tester',
      password: 'testing',
      // It keeps nobody in a folder unless it is root's service.
      root: name === 'vsftpd' ? files : '',
      ...(certificate && { secure: true, tls: { ca: certificate.pem } }),
    },
    files,
    close: async () => {
      await end([child])
      await rm(home, { recursive: true, force: true })
    },
  }
}

const CONFIGURE: Record<
  FtpServerName,
  (home: string, port: number, tls: Certificate | undefined, goesOn: boolean) => Promise<string[]>
> = {
  // Its only users without an account of the machine are anonymous ones, who can be asked for a password.
  vsftpd: async (home, port, tls) => {
    await writeFile(join(home, 'passwords'), 'testing\n')
    const yes = [
      'listen',
      'run_as_launching_user',
      'anonymous_enable',
      'write_enable',
      'anon_upload_enable',
      'anon_mkdir_write_enable',
      'anon_other_write_enable',
      'secure_email_list_enable',
    ]
    const no = ['background', 'local_enable', 'seccomp_sandbox', 'anon_world_readable_only']
    const secure = tls ? ['ssl_enable', 'allow_anon_ssl', 'force_anon_logins_ssl', 'force_anon_data_ssl'] : []
    const lines = [
      ...[...yes, ...secure].map((name) => `${name}=YES`),
      ...no.map((name) => `${name}=NO`),
      'listen_address=127.0.0.1',
      `listen_port=${port}`,
      `anon_root=${home}`,
      `ftp_username=${userInfo().username}`,
      `email_password_file=${join(home, 'passwords')}`,
      ...(tls
        ? [`rsa_cert_file=${tls.certificate}`, `rsa_private_key_file=${tls.key}`, 'ssl_ciphers=HIGH']
        : []),
    ]
    await writeFile(join(home, 'vsftpd.conf'), `${lines.join('\n')}\n`)
    return [join(home, 'vsftpd.conf')]
  },
  proftpd: async (home, port, tls, goesOn) => {
    const { stdout } = await run('openssl', ['passwd', '-1', 'testing'])
    const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0]
    await writeFile(
      join(home, 'users'),
      `tester:${stdout.trim()}:${uid}:${gid}::${join(home, 'files')}:/bin/sh\n`,
      { mode: 0o600 },
    )
    const lines = [
      ...[
        'ServerType standalone',
        'DefaultAddress 127.0.0.1',
        'SocketBindTight on',
        'UseIPv6 off',
        `Port ${port}`,
      ],
      `ModulePath ${unpacked('usr/lib/proftpd')}`,
      `PidFile ${join(home, 'pid')}`,
      `ScoreboardFile ${join(home, 'scoreboard')}`,
      ...['WtmpLog off', 'TransferLog none', `SystemLog ${join(home, 'log')}`, 'DelayEngine off'],
      ...['User root', 'Group root', 'RootLogin on', 'RequireValidShell off', 'AuthOrder mod_auth_file.c'],
      `AuthUserFile ${join(home, 'users')}`,
      `DefaultRoot ${join(home, 'files')}`,
      // Off by default, and then nobody goes on with a file.
      ...(goesOn ? ['AllowOverwrite on', 'AllowStoreRestart on'] : []),
      ...(tls
        ? [
            'LoadModule mod_tls.c',
            'TLSEngine on',
            'TLSRequired on',
            `TLSRSACertificateFile ${tls.certificate}`,
            `TLSRSACertificateKeyFile ${tls.key}`,
          ]
        : []),
    ]
    await writeFile(join(home, 'proftpd.conf'), `${lines.join('\n')}\n`)
    return ['--nodaemon', '--config', join(home, 'proftpd.conf')]
  },
  'pure-ftpd': async (home, port, tls) => {
    const at = (name: string) => join(home, name)
    // It serves no user of the machine's own.
    await chown(at('files'), NOBODY, NOBODY)
    const { stdout } = await run('openssl', ['passwd', '-1', 'testing'])
    await writeFile(
      at('passwd'),
      `tester:${stdout.trim()}:${NOBODY}:${NOBODY}::${at('files')}/./::::::::::::\n`,
    )
    const env = { ...process.env, ...LIBRARIES }
    await run(unpacked('usr/bin/pure-pw'), ['mkdb', at('users.pdb'), '-f', at('passwd')], { env })
    return [
      '-S',
      `127.0.0.1,${port}`,
      '-l',
      `puredb:${at('users.pdb')}`,
      '-A',
      '-H',
      '-u',
      '1',
      '-g',
      at('pid'),
      ...(tls ? ['-Y', '3', '-2', tls.both] : []),
    ]
  },
}
