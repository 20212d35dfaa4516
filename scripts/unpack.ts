// Debian packages that tests need but that must not be installed: they exclude each other, or they would start
// as services. They are unpacked into a folder below node_modules, which needs no rights.
import { execFileSync, type SpawnOptions } from 'node:child_process'
import { existsSync, globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UNPACKED } from '../packages/client/test/servers/unpacked.ts'
import { runs } from './services.ts'

const PACKAGES = [
  ...['vsftpd', 'libwrap0', 'pure-ftpd', 'pure-ftpd-common', 'proftpd-core', 'proftpd-mod-crypto'],
  ...['libhiredis0.14', 'libmemcached11', 'libmemcachedutil2', 'libhashkit2', 'libpcre2-posix3'],
  ...['openssh-server', 'openssh-sftp-server'],
  ...['apache2-bin', 'libapr1', 'libaprutil1', 'libnginx-mod-http-dav-ext'],
]
const WHY = 'tests of the client on FTP, SFTP and WebDAV servers'

/** Unpacks what is missing. Returns the packages that could not be had. */
export async function provideUnpacked(say: (line: string) => void): Promise<readonly string[]> {
  const marker = join(UNPACKED, 'complete')
  if (existsSync(marker)) return []
  const command = `apt-get download ${PACKAGES.join(' ')}`
  if (existsSync('/etc/debian_version')) {
    say(`Unpacking the system packages ${PACKAGES.join(', ')}, for ${WHY} …`)
    const archives = join(UNPACKED, 'archives')
    mkdirSync(archives, { recursive: true })
    const options: SpawnOptions = { cwd: archives, stdio: ['ignore', 'ignore', 'inherit'] }
    const download = () => runs(command, options)
    const refreshed = async () => process.getuid?.() === 0 && (await runs('apt-get update -qq', options))
    if ((await download()) || ((await refreshed()) && (await download()))) {
      for (const archive of globSync(join(archives, '*.deb'))) execFileSync('dpkg', ['-x', archive, UNPACKED])
      writeFileSync(marker, '')
    }
    rmSync(archives, { recursive: true })
    if (existsSync(marker)) return []
  }
  say(`${WHY} cannot run: on Debian they unpack what this gets: ${command}`)
  return PACKAGES
}
