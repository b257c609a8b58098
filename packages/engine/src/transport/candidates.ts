import { isIPv6 } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';

/**
 * The host candidates of a bound socket as SDP attribute values (RFC 8839 §5.1), the most preferred first. They are
 * all there are: the agent is ICE-lite and gathers nothing.
 * @param host - the bound address; a wildcard stands for every address of the machine
 * @param publicIp - announced in front of these: the address that a NAT maps to us
 */
export function hostCandidates(
  host: string,
  port: number,
  publicIp: string | undefined,
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>,
): string[] {
  const addresses = new Set(publicIp === undefined ? [] : [publicIp]);
  for (const address of boundAddresses(host, interfaces)) addresses.add(address);
  return [...addresses].map((address, index) => {
    // RFC 8445 §5.1.2.1: type preference 126 (host), local preference by rank, component 1.
    const priority = 126 * 2 ** 24 + (65535 - index) * 2 ** 8 + 255;
    return `candidate:${index + 1} 1 udp ${priority} ${address} ${port} typ host`;
  });
}

function boundAddresses(host: string, interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>): string[] {
  if (host !== '0.0.0.0' && host !== '::') return [host];
  const all = Object.values(interfaces).flatMap((list) => list ?? []);
  const usable = all.filter(({ family, internal, scopeid }) => {
    // A link-local address means nothing without its zone, and a zone nothing to the peer.
    if (internal || (scopeid !== undefined && scopeid !== 0)) return false;
    return host === '::' || family === 'IPv4';
  });
  if (usable.length > 0) return usable.map(({ address }) => address);
  return isIPv6(host) ? ['::1', '127.0.0.1'] : ['127.0.0.1'];
}
