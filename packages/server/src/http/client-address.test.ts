import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { clientAddresses } from './client-address.ts'

function from(peer: string, forwarded?: string): IncomingMessage {
  const socket = new Socket()
  Object.defineProperty(socket, 'remoteAddress', { value: peer })
  const req = new IncomingMessage(socket)
  if (forwarded !== undefined) req.headers['x-forwarded-for'] = forwarded
  return req
}

test('without trusted proxies nobody can say that it is another', () => {
  expect(clientAddresses([])(from('192.0.2.7', '10.0.0.1'))).toBe('192.0.2.7')
})

test('a trusted proxy says whom it forwards for, however many stand in a row', () => {
  const address = clientAddresses(['127.0.0.1', '10.0.0.0/8', '2001:db8::/32'])
  expect(address(from('127.0.0.1', '203.0.113.9'))).toBe('203.0.113.9')
  expect(address(from('2001:db8::1', '203.0.113.9, 10.1.2.3'))).toBe('203.0.113.9')
  expect(address(from('::ffff:10.0.0.1', '203.0.113.9'))).toBe('203.0.113.9')
})

test('what a client put into the header itself does not count', () => {
  const address = clientAddresses(['127.0.0.1'])
  expect(address(from('127.0.0.1', '127.0.0.1, 1.1.1.1, 203.0.113.9'))).toBe('203.0.113.9')
  expect(address(from('203.0.113.9', '127.0.0.1'))).toBe('203.0.113.9')
})
