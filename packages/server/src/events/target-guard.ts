import { lookup as dnsLookup, type LookupAddress, type LookupAllOptions } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { AircheckError } from '@aircheck/protocol';
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** All addresses of a host, as `dns.lookup` gives them. */
export type ResolveHost = (
  hostname: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** Every IPv6 address that is routed on the Internet lies in it (IANA, RFC 4291 §2.4). */
const globalIpv6 = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Says which addresses the server may connect to on behalf of somebody else: public ones, and those the operator allows.
 * Without it who may name a URL could reach what is behind the firewall (server-side request forgery).
 */
export class TargetGuard {
  readonly #everything: boolean;
  readonly #networks: readonly (readonly [Address, number])[];
  readonly #hosts: ReadonlySet<string>;
  readonly #resolve: ResolveHost;

  /** @param allow - networks in CIDR notation, addresses, host names, or `*` for everything */
  constructor(allow: readonly string[], resolve: ResolveHost = dnsLookup) {
    this.#resolve = resolve;
    this.#everything = allow.includes('*');
    const networks = allow.filter((entry) => isIP(entry.split('/')[0] ?? '') !== 0);
    this.#networks = networks.map((entry) => {
      const [address = '', bits] = entry.split('/');
      const parsed = ipaddr.parse(address);
      return [parsed, bits === undefined ? parsed.toByteArray().length * 8 : Number(bits)];
    });
    this.#hosts = new Set(allow.filter((entry) => !networks.includes(entry)).map((host) => host.toLowerCase()));
  }

  /** Whether a connection to the address may be made. */
  allowsAddress(text: string): boolean {
    if (this.#everything) return true;
    if (!ipaddr.isValid(text)) return false;
    // `process` takes ::ffff:127.0.0.1 for the IPv4 address that it leads to.
    const address = ipaddr.process(text);
    for (const [network, bits] of this.#networks) {
      if (address.kind() === network.kind() && address.match([network, bits] as never)) return true;
    }
    if (address.range() !== 'unicast') return false;
    return address.kind() === 'ipv4' || address.match(globalIpv6 as never);
  }

  /**
   * Refuses what can be told without asking for the host's addresses; {@link lookup} looks at these.
   * @throws AircheckError `target-forbidden` for an address that is not allowed; `request-invalid` for another scheme
   */
  checkUrl(url: URL, input?: string): void {
    const named = input === undefined ? {} : { input };
    if (url.protocol !== 'http:' && url.protocol !== 'https:') {
      throw new AircheckError('request-invalid', `${url.protocol} is neither http: nor https:`, named);
    }
    const host = hostOf(url);
    if (isIP(host) !== 0 && !this.allowsAddress(host)) throw forbidden(host, host, named);
  }

  /**
   * Refuses a URL whose host has forbidden addresses alone. A host that cannot be resolved now passes: each connection is
   * looked at again.
   * @throws AircheckError `target-forbidden`, `request-invalid`
   */
  async checkHost(url: URL, input?: string): Promise<void> {
    this.checkUrl(url, input);
    const host = hostOf(url);
    if (isIP(host) !== 0) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, resolveTimeoutMs);
      this.lookup(host, { all: true }, (error) => {
        clearTimeout(timer);
        if (error instanceof AircheckError) reject(forbidden(host, undefined, input === undefined ? {} : { input }));
        else resolve();
      });
    });
  }

  /**
   * For `http.request` and `net.connect`: resolves a name to its allowed addresses. These very addresses are connected
   * to, so that a name that changes its address between a check and the connection (DNS rebinding) gains nothing.
   * Node does not call it for a host that is an address already, see {@link checkUrl}.
   */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    this.#resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, [], 0);
      const allowed = this.#hosts.has(hostname.toLowerCase())
        ? addresses
        : addresses.filter(({ address }) => this.allowsAddress(address));
      const [first] = allowed;
      if (first === undefined) return callback(forbidden(hostname, addresses[0]?.address), [], 0);
      if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}

/** How long a name may take to be resolved where a URL is checked ahead, in milliseconds. */
const resolveTimeoutMs = 2000;

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

function forbidden(host: string, address: string | undefined, named: { readonly input?: string } = {}): AircheckError {
  const where = address === undefined || address === host ? '' : ` (${address})`;
  return new AircheckError('target-forbidden', `${host}${where} lies in a network that is not public`, {
    ...named,
    hint: 'The operator of the server may allow it: AIRCHECK_WEBHOOK_ALLOW',
  });
}
