import { execFile } from 'node:child_process'
import { readdir, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { setDesk } from './pawl.ts'

const desk = setDesk()

test('serve in development mode says where it is, and speaks of no page: it has none', async () => {
  const server = desk.start(['serve', '--dev', '--port', '0', '--data', `${desk.folder}/dev`])
  const [told = ''] = await server.shows(/^[\s\S]*"listening"/)
  expect(told).toMatch(/ Endpoint +http/)
  expect(told).not.toMatch(/ Page /)
  // As it is told, from a folder that holds nothing.
  const [command = ''] = /^ {2}echo .*\n.*--data-binary.*$/m.exec(told) ?? []
  const { stdout } = await promisify(execFile)('sh', ['-c', command], { cwd: desk.folder })
  expect(stdout).toMatch(/^HTTP\/1\.1 201 /)
  server.child.kill('SIGTERM')
  expect((await server.ended).code).toBe(0)
})

test('serve runs until a signal; keys, token and check read its data folder', async () => {
  const data = `${desk.folder}/data`
  const none = await desk.run(['keys', '--data', data])
  expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('no server has run on')])
  const server = desk.start(['serve', '--port', '0', '--data', data])
  const [, url = ''] = await server.shows(/"url":"([^"]+)".*"listening"/)
  const keys = await desk.run(['keys', '--data', data, '--json'])
  const { anon, service_role: service } = JSON.parse(keys.stdout)
  const token = (await desk.run(['token', '--sub', 'alice', '--data', data])).stdout.trim()
  const create = async (bearer: string) => {
    const headers = { authorization: `Bearer ${bearer}`, 'tus-resumable': '1.0.0', 'upload-length': '5' }
    return (await fetch(`${url}/files/`, { method: 'POST', headers })).status
  }
  expect([await create(token), await create(service), await create(anon)]).toEqual([201, 201, 403])
  const [, payload = ''] = token.split('.')
  const { iat, exp, ...claims } = JSON.parse(Buffer.from(payload, 'base64url').toString())
  expect([claims, exp - iat]).toEqual([{ role: 'authenticated', sub: 'alice' }, 3600])
  // SQLite is locked by the server that runs.
  expect((await desk.run(['check', '--data', data])).code).toBe(2)
  server.child.kill('SIGTERM')
  expect((await server.ended).code).toBe(0)
  const checked = await desk.run(['check', '--data', data, '--digests'])
  expect([checked.code, checked.stdout]).toEqual([0, '0 objects, 2 unfinished uploads, 0 findings\n'])
})

test('check --digests also finds an object that was damaged before it had a digest', async () => {
  const data = `${desk.folder}/damaged`
  const server = desk.start(['serve', '--dev', '--port', '0', '--data', data])
  const [, url = ''] = await server.shows(/"url":"([^"]+)".*"listening"/)
  const post = (headers: Readonly<Record<string, string>>, body?: Uint8Array<ArrayBuffer>) =>
    fetch(`${url}/files/`, {
      method: 'POST',
      headers: { 'tus-resumable': '1.0.0', ...headers },
      ...(body && { body }),
    })
  const size = 100_000_000
  const type = 'application/offset+octet-stream'
  const part = { 'upload-concat': 'partial', 'upload-length': String(size), 'content-type': type }
  const partial = (await post(part, new Uint8Array(size))).headers.get('location')
  expect((await post({ 'upload-concat': `final;${partial}` })).status).toBe(201)
  // Its digest is computed behind the answer.
  server.child.kill('SIGKILL')
  await server.ended
  const names = await readdir(`${data}/blobs/segments`, { recursive: true, withFileTypes: true })
  for (const file of names.filter((entry) => entry.isFile()))
    await truncate(join(file.parentPath, file.name), 1_000_000)
  const { code, stdout } = await desk.run(['check', '--data', data, '--digests'])
  expect([code, stdout]).toEqual([
    1,
    expect.stringContaining(`the file ends at 1000000 instead of ${size} bytes`),
  ])
})
