import { isIPv4 } from 'node:net';
import { stunMagicCookie } from './message.ts';

/**
 * XOR-MAPPED-ADDRESS value (RFC 8489 §14.2).
 * @param address - as the socket reports it: IPv4, IPv6 (with or without a zone) or IPv4 mapped into IPv6
 */
export function xorMappedAddress(address: string, port: number, transactionId: Uint8Array): Buffer {
  const octets = ipOctets(address);
  const value = Buffer.alloc(4 + octets.length);
  value[1] = octets.length === 4 ? 1 : 2;
  value.writeUInt16BE(port ^ (stunMagicCookie >>> 16), 2);
  const mask = Buffer.alloc(16);
  mask.writeUInt32BE(stunMagicCookie, 0);
  mask.set(transactionId, 4);
  for (let index = 0; index < octets.length; index++) value[4 + index] = octets[index]! ^ mask[index]!;
  return value;
}

/** The 4 or 16 bytes of a numeric address; an IPv4-mapped IPv6 address gives 4. */
export function ipOctets(address: string): Uint8Array {
  const plain = address.split('%')[0]!;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1];
  const ipv4 = mapped ?? plain;
  if (isIPv4(ipv4)) return Uint8Array.from(ipv4.split('.').map(Number));
  const octets = new Uint8Array(16);
  const [head = '', tail] = plain.split('::');
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  before.forEach((group, index) => {
    writeGroup(octets, index, group);
  });
  after.forEach((group, index) => {
    writeGroup(octets, 8 - after.length + index, group);
  });
  return octets;
}

function groups(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}

function writeGroup(octets: Uint8Array, index: number, group: number): void {
  octets[2 * index] = group >>> 8;
  octets[2 * index + 1] = group & 0xff;
}
