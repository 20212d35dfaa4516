/** Three WebDAV servers that differ in what they do with a part of a file. */
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { end, freePort, installed, run, start, until } from '@pawl/emulators/processes'
import { isUnpacked, LIBRARIES, unpacked } from './unpacked.ts'

export type WebdavServerName = 'apache' | 'nginx' | 'rclone'

export interface WebdavServer {
  readonly options: { readonly url: string; readonly user?: string; readonly password?: string }
  readonly files: string
  close(): Promise<void>
}

const NOBODY = 65534

export async function hasWebdav(name: WebdavServerName): Promise<boolean> {
  if (name === 'rclone') return installed('rclone')
  if (name === 'apache') return isUnpacked('usr/sbin/apache2')
  return isUnpacked('usr/lib/nginx/modules/ngx_http_dav_ext_module.so') && (await installed('nginx'))
}

export async function startWebdav(name: WebdavServerName): Promise<WebdavServer> {
  const home = await mkdtemp(join(tmpdir(), `pawl-webdav-${name}-`))
  const port = await freePort()
  await chmod(home, 0o755)
  for (const folder of ['files', 'own']) {
    await mkdir(join(home, folder))
    // Started by root, both servers of the web work as nobody.
    if (process.getuid?.() === 0) await chown(join(home, folder), NOBODY, NOBODY)
  }
  const [program, ...args] = await CONFIGURE[name](home, port)
  const child = start(program, args, join(home, 'log'), name === 'apache' ? LIBRARIES : {})
  const url = `http://127.0.0.1:${port}`
  await until(name, async () => (await fetch(url)).status > 0)
  return {
    options: { url, ...(name === 'nginx' ? {} : { user: 'tester', password: 'testing' }) },
    files: join(home, 'files'),
    close: async () => {
      await end([child])
      await rm(home, { recursive: true, force: true })
    },
  }
}

type Configure = (home: string, port: number) => Promise<[program: string, ...args: string[]]>

const CONFIGURE: Record<WebdavServerName, Configure> = {
  apache: async (home, port) => {
    const at = (name: string) => join(home, name)
    const { stdout } = await run('openssl', ['passwd', '-apr1', 'testing'])
    await writeFile(at('users'), `tester:${stdout}`)
    const modules = [
      'mpm_event',
      'authz_core',
      'authz_user',
      'authn_core',
      'authn_file',
      'auth_basic',
      'dav',
      'dav_fs',
    ]
    const lines = [
      ...[`ServerRoot ${home}`, 'ServerName localhost', `Listen 127.0.0.1:${port}`],
      ...[`PidFile ${at('pid')}`, `ErrorLog ${at('log')}`],
      ...modules.map(
        (name) => `LoadModule ${name}_module ${unpacked(`usr/lib/apache2/modules/mod_${name}.so`)}`,
      ),
      ...(process.getuid?.() === 0 ? ['User nobody', 'Group nogroup'] : []),
      ...[`DavLockDB ${at('own/locks')}`, `DocumentRoot ${at('files')}`, `<Directory ${at('files')}>`],
      ...['Dav On', 'AuthType Basic', 'AuthName dav', `AuthUserFile ${at('users')}`, 'Require valid-user'],
      '</Directory>',
    ]
    await writeFile(at('apache.conf'), `${lines.join('\n')}\n`)
    return [unpacked('usr/sbin/apache2'), '-d', home, '-f', at('apache.conf'), '-DFOREGROUND']
  },
  nginx: async (home, port) => {
    const at = (name: string) => join(home, name)
    const module = unpacked('usr/lib/nginx/modules/ngx_http_dav_ext_module.so')
    await writeFile(
      at('nginx.conf'),
      `load_module ${module};
daemon off; error_log ${at('log')}; pid ${at('pid')};
events {}
http {
  dav_ext_lock_zone zone=locks:1m; access_log off; client_body_temp_path ${at('own/body')};
  proxy_temp_path ${at('own/1')}; fastcgi_temp_path ${at('own/2')}; uwsgi_temp_path ${at('own/3')}; scgi_temp_path ${at('own/4')};
  server {
    listen 127.0.0.1:${port}; root ${at('files')}; client_max_body_size 0;
    location / {
      dav_methods PUT DELETE MKCOL COPY MOVE; dav_ext_methods PROPFIND OPTIONS LOCK UNLOCK; dav_ext_lock zone=locks;
    }
  }
}
`,
    )
    return ['nginx', '-c', at('nginx.conf'), '-e', at('log')]
  },
  rclone: async (home, port) => {
    const login = ['--user', 'tester', '--pass', 'testing', '--config', join(home, 'rclone.conf')]
    return ['rclone', 'serve', 'webdav', join(home, 'files'), '--addr', `127.0.0.1:${port}`, ...login]
  },
}
