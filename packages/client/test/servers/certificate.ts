/** A certificate for 127.0.0.1 and localhost, signed by itself. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '@pawl/emulators/processes'

export interface Certificate {
  readonly certificate: string
  readonly key: string
  /** Both files in one. */
  readonly both: string
  readonly pem: string
}

/** Writes the files into a folder. */
export async function makeCertificate(folder: string): Promise<Certificate> {
  const [certificate, key, both] = ['tls.crt', 'tls.key', 'tls.pem'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  const names = 'subjectAltName=IP:127.0.0.1,DNS:localhost'
  await run('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=localhost',
    '-addext',
    names,
    '-keyout',
    key,
    '-out',
    certificate,
  ])
  await run('sh', ['-c', 'cat "$1" "$2" > "$3"', 'sh', key, certificate, both])
  return { certificate, key, both, pem: await readFile(certificate, 'utf8') }
}
