/** From a URL to the files behind it, with credentials from where each provider's tools look for them. */
import { existsSync, statSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Adapter } from 'pawl'
import { suggestion } from './arguments.ts'
import { azureOptions } from './azure.ts'
import { UsageError } from './exit.ts'
import { ftpOptions, serverOf, sftpOptions } from './servers.ts'
import { supabaseOptions } from './supabase.ts'

/** An object, or a place that objects go to. Holds no secret: it is written into sessions. */
export interface Destination {
  /** The URL up to the key; with the key behind it, the URL of the object. */
  readonly place: string
  /** Empty, or ending with a slash: a place for several. Otherwise one object. */
  readonly key: string
}

export interface OpenOptions {
  /** Requests side by side that one file may use. */
  readonly parallel?: number | undefined
}

const AVAILABLE = ['http', 'https', 'supabase', 's3', 'az', 'gs', 'ftp', 'ftps', 'sftp', 'file']

/**
 * @param use A tus endpoint is a place as a whole; when reading, the URL of one upload is meant.
 * @throws UsageError when it is no URL, or of a provider that is not there
 */
export async function parseDestination(text: string, use: 'upload' | 'object'): Promise<Destination> {
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(text) ?? []
  switch (scheme.toLowerCase()) {
    case '':
      throw new UsageError(
        `${JSON.stringify(text)} is no destination: those are URLs such as https://host/files/ or s3://bucket/key`,
      )
    case 'http':
    case 'https':
      return web(text, use)
    case 'supabase':
    case 's3':
    case 'az':
    case 'gs':
      return bucket(scheme.toLowerCase(), rest)
    case 'ftp':
    case 'ftps':
    case 'sftp':
      return server(scheme.toLowerCase(), rest)
    case 'file':
      return local(text)
  }
  throw new UsageError(`there is no provider for ${scheme}://${await suggestion(scheme, AVAILABLE)}`)
}

function web(text: string, use: 'upload' | 'object'): Destination {
  if (!URL.canParse(text)) throw new UsageError(`${JSON.stringify(text)} is no URL`)
  const url = new URL(text)
  // They would end up in sessions, logs and the shell's history.
  if (url.username !== '' || url.password !== '')
    throw new UsageError('credentials do not belong into the URL: set PAWL_TOKEN')
  url.hash = ''
  if (use === 'upload') return { place: url.href, key: '' }
  const cut = url.pathname.lastIndexOf('/') + 1
  return { place: `${url.origin}${url.pathname.slice(0, cut)}`, key: url.pathname.slice(cut) + url.search }
}

/** Keys are taken as they are: a URL parser would change `..`, `#` and `%` in them. */
function bucket(scheme: string, rest: string): Destination {
  const [, name = '', key = ''] = /^([^/]*)\/?(.*)$/s.exec(rest) ?? []
  if (name === '') throw new UsageError(`${scheme}:// needs a ${scheme === 'az' ? 'container' : 'bucket'}`)
  return { place: `${scheme}://${name}/`, key }
}

/** Paths are taken as they are. `~/` at the beginning of one on an SSH server is the folder after login. */
function server(scheme: string, rest: string): Destination {
  const [, authority = '', path = ''] = /^([^/]*)\/?(.*)$/s.exec(rest) ?? []
  serverOf(scheme, authority)
  const home = scheme === 'sftp' && path.startsWith('~/')
  return { place: `${scheme}://${authority}/${home ? '~/' : ''}`, key: home ? path.slice(2) : path }
}

function local(text: string): Destination {
  let path: string
  try {
    path = fileURLToPath(text)
  } catch {
    throw new UsageError(`${JSON.stringify(text)} is no file of this machine: write file:///path`)
  }
  const isFolder = /[\\/]$/.test(path) || (existsSync(path) && statSync(path).isDirectory())
  if (isFolder) return { place: folderUrl(path), key: '' }
  return { place: folderUrl(dirname(path)), key: basename(path) }
}

function folderUrl(path: string): string {
  return pathToFileURL(path).href.replace(/\/*$/, '/')
}

/** The URL of one object, for people and scripts. */
export function urlOf({ place, key }: Destination): string {
  return place.startsWith('file:')
    ? new URL(key.split('/').map(encodeURIComponent).join('/'), place).href
    : place + key
}

/** The adapter for a place. Only the one that is needed is loaded. @throws FilesError without credentials */
export async function openPlace(place: string, { parallel }: OpenOptions = {}): Promise<Adapter> {
  const [scheme = '', rest = ''] = place.split('://')
  const name = rest.replace(/\/$/, '')
  const { env } = process
  switch (scheme) {
    case 's3': {
      const { s3 } = await import('pawl/s3')
      const region = env.AWS_REGION ?? env.AWS_DEFAULT_REGION
      const endpoint = env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL
      return s3({
        bucket: name,
        ...(region === undefined ? {} : { region }),
        ...(endpoint === undefined ? {} : { endpoint }),
      })
    }
    case 'supabase': {
      const { supabase } = await import('pawl/supabase')
      return supabase(supabaseOptions(name, env, parallel))
    }
    case 'az': {
      const { azure } = await import('pawl/azure')
      return azure(azureOptions(name, env))
    }
    case 'gs': {
      const { gcs } = await import('pawl/gcs')
      const endpoint = env.STORAGE_EMULATOR_HOST
      return gcs({ bucket: name, ...(endpoint === undefined ? {} : { endpoint }) })
    }
    case 'ftp':
    case 'ftps': {
      const { ftp } = await import('pawl/ftp')
      return ftp(ftpOptions(scheme, name, env))
    }
    case 'sftp': {
      const { sftp } = await import('pawl/sftp')
      const home = name.endsWith('/~')
      return sftp(sftpOptions(home ? name.slice(0, -2) : name, home ? '' : '/', env))
    }
    case 'file': {
      const { fs } = await import('pawl/fs')
      return fs({ root: fileURLToPath(place) })
    }
    default: {
      const { tusPlace } = await import('./tus-place.ts')
      return tusPlace(place, env.PAWL_TOKEN, parallel)
    }
  }
}
