import { describe, expect, test } from 'vitest';
import { hasIntegrity, parseStunMessage, stunAttribute, xorMappedAddress } from '../../src/transport/stun/index.ts';

// RFC 5769 §2.1, §2.2, §2.3.
const password = 'VOkJxbRl1RmTxUk/WvJxBt';
const request = Buffer.from(
  '000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9b151' +
    '263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf',
  'hex',
);
const responseIpv4 = Buffer.from(
  '0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643000800142b91f599fd9e' +
    '90c38c7489f92af9ba53f06be7d780280004c07d4c96',
  'hex',
);
const responseIpv6 = Buffer.from(
  '010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179bc25f4b5bed2' +
    'b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c',
  'hex',
);

describe('STUN', () => {
  test('the request of RFC 5769 is read, its integrity and fingerprint hold', () => {
    const message = parseStunMessage(request)!;
    expect(message).toMatchObject({
      class: 'request',
      method: 1,
      username: 'evtj:h6vY',
      priority: 0x6e0001ff,
      iceControlled: true,
      useCandidate: false,
      fingerprintValid: true,
      unknownAttributes: [],
    });
    expect(hasIntegrity(message, password)).toBe(true);
    expect(hasIntegrity(message, `${password}x`)).toBe(false);
  });

  test.each([
    ['IPv4', responseIpv4, '192.0.2.1'],
    ['IPv6', responseIpv6, '2001:db8:1234:5678:11:2233:4455:6677'],
  ])('the %s response of RFC 5769 is read, and its address is what we would write', (_, bytes, address) => {
    const message = parseStunMessage(bytes)!;
    expect(message.class).toBe('success');
    expect(message.fingerprintValid).toBe(true);
    expect(hasIntegrity(message, password)).toBe(true);
    const value = xorMappedAddress(address, 32853, message.transactionId);
    const head = Buffer.from([0, stunAttribute.xorMappedAddress, 0, value.length]);
    expect(bytes.includes(Buffer.concat([head, value]))).toBe(true);
  });

  test('an IPv4 address mapped into IPv6 is told as IPv4', () => {
    const id = Buffer.alloc(12);
    expect(xorMappedAddress('::ffff:192.0.2.1', 5, id)).toEqual(xorMappedAddress('192.0.2.1', 5, id));
  });

  test('one changed bit anywhere is noticed', () => {
    for (let bit = 0; bit < request.length * 8; bit++) {
      const changed = Buffer.from(request);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const message = parseStunMessage(changed);
      expect(message?.fingerprintValid ?? false).toBe(false);
    }
  });

  test('every truncation is refused', () => {
    for (let length = 0; length < request.length; length++) {
      expect(parseStunMessage(request.subarray(0, length))).toBeUndefined();
    }
  });
});
