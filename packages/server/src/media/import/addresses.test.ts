import { describe, expect, test } from 'vitest'
import { AddressRules, ForbiddenAddress } from './addresses.ts'

const rules = new AddressRules([], async () => ['93.184.215.14'])

describe('an address that is not public is refused', () => {
  test.each([
    ...['127.0.0.1', '127.9.9.9', '0.0.0.0', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1'],
    ...['169.254.169.254', '100.64.0.1', '224.0.0.1', '239.255.255.255', '255.255.255.255', '240.0.0.1'],
    ...['192.0.2.1', '198.18.0.1', '198.51.100.1', '203.0.113.1', '192.0.0.1'],
    ...['::', '::1', 'fe80::1', 'fc00::1', 'fd12::1', 'ff02::1', '2001:db8::1', 'fec0::1', '100::1'],
    // IPv4 inside IPv6: mapped, compatible, NAT64, 6to4, Teredo.
    ...['::ffff:127.0.0.1', '::ffff:7f00:1', '::127.0.0.1', '64:ff9b::7f00:1', '64:ff9b:1::1'],
    ...['2002:7f00:1::', '2001:0:7f00:1::', '::ffff:0:127.0.0.1'],
    ...['', 'localhost', '1.2.3', '999.1.1.1', 'fe80::1%eth0'],
  ])('%s', (address) => {
    expect(rules.allows(address)).toBe(false)
  })

  test.each(['8.8.8.8', '93.184.215.14', '172.32.0.1', '2606:4700::1111', '::ffff:8.8.8.8'])(
    '%s is public',
    (address) => {
      expect(rules.allows(address)).toBe(true)
    },
  )

  test.each([
    ...['http://127.1/', 'http://2130706433/', 'http://0x7f.1/', 'http://0177.0.0.1/', 'http://[::1]/'],
    ...[
      'http://[::ffff:127.0.0.1]/',
      'http://[::ffff:7f00:1]/',
      'http://１２７.0.0.1/',
      'http://0/',
      'http://127.0.0.1./',
    ],
  ])('however it is written: %s', async (url) => {
    const loopback = new AddressRules([], async (host) => [host])
    await expect(loopback.addressesOf(new URL(url).hostname)).rejects.toThrow(ForbiddenAddress)
  })

  test('also when only one of several is', async () => {
    const both = new AddressRules([], async () => ['93.184.215.14', '10.0.0.1'])
    await expect(both.addressesOf('example.com')).rejects.toThrow(ForbiddenAddress)
  })

  test('unless the operator admits it, and only that', () => {
    const admitting = new AddressRules(['127.0.0.1', '10.1.0.0/16', 'fd00::/64'])
    for (const address of ['127.0.0.1', '::ffff:127.0.0.1', '10.1.2.3', 'fd00::9']) {
      expect(admitting.allows(address), address).toBe(true)
    }
    for (const address of ['127.0.0.2', '::1', '10.2.0.1', 'fd01::9']) {
      expect(admitting.allows(address), address).toBe(false)
    }
  })
})
