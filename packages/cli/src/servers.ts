/** Servers of files by their URL: `ftp://`, `ftps://` and `sftp://`, with credentials of the user who runs this. */
import { createHash, createHmac } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { FtpOptions } from 'pawl/ftp'
import type { SftpOptions } from 'pawl/sftp'
import { UsageError } from './exit.ts'

interface Server {
  readonly host: string
  readonly port: number | undefined
  readonly user: string | undefined
}

/**
 * @param authority `user@host:port`
 * @throws UsageError when it is none, or holds a password
 */
export function serverOf(scheme: string, authority: string): Server {
  const url = `${scheme}://${authority}`
  if (!URL.canParse(url)) throw new UsageError(`${JSON.stringify(url)} is no URL`)
  const { hostname, port, username, password } = new URL(url)
  if (hostname === '') throw new UsageError(`${scheme}:// needs a host`)
  // They would end up in sessions, logs and the shell's history.
  if (password !== '')
    throw new UsageError(
      `a password does not belong into the URL: set ${scheme === 'sftp' ? 'SFTP' : 'FTP'}_PASSWORD`,
    )
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? undefined : Number(port),
    user: username === '' ? undefined : decodeURIComponent(username),
  }
}

export function ftpOptions(scheme: string, authority: string, env: NodeJS.ProcessEnv): FtpOptions {
  const { host, port, user = env.FTP_USER } = serverOf(scheme, authority)
  return {
    host,
    ...(port === undefined ? {} : { port }),
    ...(user === undefined ? {} : { user }),
    ...(env.FTP_PASSWORD === undefined ? {} : { password: env.FTP_PASSWORD }),
    ...(scheme === 'ftps' ? { secure: port === 990 ? ('implicit' as const) : true } : {}),
  }
}

/** @param path Where keys begin. @throws UsageError when no key of the server or no credential is known */
export function sftpOptions(authority: string, root: string, env: NodeJS.ProcessEnv): SftpOptions {
  const { host, port = 22, user = env.SFTP_USER ?? env.USER } = serverOf('sftp', authority)
  if (user === undefined) throw new UsageError('sftp:// needs a user: sftp://user@host/path')
  const known = env.SFTP_KNOWN_HOSTS ?? join(homedir(), '.ssh/known_hosts')
  const hostKeys =
    env.SFTP_HOST_KEY !== undefined
      ? env.SFTP_HOST_KEY.split(/[\s,]+/)
      : existsSync(known)
        ? knownKeys(readFileSync(known, 'utf8'), host, port)
        : []
  if (hostKeys.length === 0)
    throw new UsageError(
      `no key of ${host} is known: connect with ssh once, or set SFTP_HOST_KEY to the fingerprint that ssh-keygen -lf shows`,
    )
  const file = [
    env.SFTP_KEY,
    ...['id_ed25519', 'id_ecdsa', 'id_rsa'].map((name) => join(homedir(), '.ssh', name)),
  ].find((path) => path !== undefined && existsSync(path))
  const { SFTP_PASSWORD: password, SSH_AUTH_SOCK: agent, SFTP_PASSPHRASE: passphrase } = env
  // An agent holds keys that are locked in files.
  const privateKey = file !== undefined && (env.SFTP_KEY !== undefined || agent === undefined)
  if (password === undefined && agent === undefined && !privateKey)
    throw new UsageError('no SSH credentials: set SFTP_KEY to a private key, SFTP_PASSWORD, or run an agent')
  return {
    host,
    port,
    user,
    root,
    hostKeys,
    ...(password === undefined ? {} : { password }),
    ...(agent === undefined ? {} : { agent }),
    ...(privateKey ? { privateKey: readFileSync(file, 'utf8') } : {}),
    ...(passphrase === undefined ? {} : { passphrase }),
  }
}

/** Fingerprints of a server's keys in OpenSSH's list of known hosts; names can be hashed there. */
export function knownKeys(list: string, host: string, port: number): string[] {
  const name = port === 22 ? host : `[${host}]:${port}`
  const isName = (pattern: string) => {
    const [, salt, hash] = /^\|1\|([^|]+)\|(.+)$/.exec(pattern) ?? []
    if (salt === undefined) return pattern === name
    return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash
  }
  const lines = list.split('\n').map((line) => line.trim().split(/\s+/))
  const keys = (marked: boolean) =>
    lines.flatMap((words) => {
      const [names = '', , key = ''] = marked ? words.slice(1) : words
      const meant = marked ? words[0] === '@revoked' : !/^[@#]/.test(names)
      if (!meant || key === '' || !names.split(',').some(isName)) return []
      const digest = createHash('sha256').update(Buffer.from(key, 'base64')).digest('base64')
      return `SHA256:${digest.replace(/=+$/, '')}`
    })
  const revoked = new Set(keys(true))
  return keys(false).filter((key) => !revoked.has(key))
}
