/** Which addresses the server may fetch from: public ones, and those that its operator admits. */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** Every address of a name. */
export type Resolve = (host: string) => Promise<readonly string[]>

const resolveByDns: Resolve = async (host) =>
  (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address)

/** The URL leads, or may lead, to where the server must not go. */
export class ForbiddenAddress extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ForbiddenAddress'
  }
}

/** IPv4 inside IPv6 in forms that the library takes for plain addresses: RFC 4291 section 2.5.5.1, RFC 8215. */
const DISGUISED = ['::/96', '64:ff9b:1::/48', 'fec0::/10'].map((range) => ipaddr.parseCIDR(range))

export class AddressRules {
  readonly #resolve: Resolve
  readonly #admitted: readonly [ipaddr.IPv4 | ipaddr.IPv6, number][]

  /** @param admitted - addresses and networks such as `127.0.0.1` or `10.0.0.0/8`, allowed in spite of the rules */
  constructor(admitted: readonly string[], resolve: Resolve = resolveByDns) {
    this.#resolve = resolve
    this.#admitted = admitted.map((range) =>
      range.includes('/')
        ? ipaddr.parseCIDR(range)
        : ipaddr.parseCIDR(`${range}/${isIP(range) === 4 ? 32 : 128}`),
    )
  }

  allows(text: string): boolean {
    if (isIP(text) === 0 || !ipaddr.isValid(text)) return false
    // ::ffff:127.0.0.1 is 127.0.0.1.
    const address = ipaddr.process(text)
    const inside = (range: [ipaddr.IPv4 | ipaddr.IPv6, number]): boolean =>
      range[0].kind() === address.kind() && address.match(range)
    if (this.#admitted.some(inside)) return true
    return address.range() === 'unicast' && !DISGUISED.some(inside)
  }

  /**
   * The addresses of a host, all of them allowed: who resolves to a public and a private one is up to something.
   * @param host - a name, or an address as it stands in a URL
   * @throws ForbiddenAddress, Error when the name does not resolve
   */
  async addressesOf(host: string): Promise<readonly string[]> {
    const literal = host.replace(/^\[|\]$/g, '')
    const addresses = isIP(literal) === 0 ? await this.#resolve(host) : [literal]
    if (addresses.length === 0) throw new Error(`${host} has no address`)
    for (const address of addresses) {
      if (!this.allows(address)) throw new ForbiddenAddress(`${host} is no public address`)
    }
    return addresses
  }
}
