import { X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  allProfiles,
  createCertificate,
  DtlsConnection,
  type DtlsOptions,
  matchesFingerprint,
} from '../../src/transport/dtls/index.ts';
import { pseudoRandom } from '../../src/transport/dtls/key-schedule.ts';
import { HandshakeReassembly } from '../../src/transport/dtls/reassembly.ts';
import { type SrtpKeys, srtpProfiles } from '../../src/transport/srtp/index.ts';
import { seededRandom } from './udp-proxy.ts';

const certificates = { client: createCertificate(Date.now()), server: createCertificate(Date.now()) };
const oneWayMs = 10;

/** Both roles on one network of the test's making; its clock is the faked one. */
class Association {
  readonly keys: { client?: SrtpKeys; server?: SrtpKeys } = {};
  readonly ends: { client?: string; server?: string } = {};
  readonly sent = { client: 0, server: 0 };
  readonly client: DtlsConnection;
  readonly server: DtlsConnection;
  roundTripMs: number | undefined;

  /** @param network - what becomes of a datagram: the datagrams that arrive and after how many milliseconds */
  constructor(
    network: (datagram: Buffer, from: 'client' | 'server') => readonly (readonly [Buffer, number])[] = (datagram) => [
      [datagram, oneWayMs],
    ],
    overrides: { client?: Partial<DtlsOptions>; server?: Partial<DtlsOptions> } = {},
  ) {
    const side = (role: 'client' | 'server', other: 'client' | 'server'): DtlsOptions => ({
      role,
      certificate: certificates[role],
      profiles: allProfiles,
      isPeer: (certificate) =>
        matchesFingerprint(certificate, [{ algorithm: 'sha-256', value: certificates[other].fingerprint }]),
      send: (datagram) => {
        this.sent[role]++;
        for (const [arriving, delayMs] of network(datagram, role)) {
          setTimeout(() => this[other].receive(Buffer.from(arriving)), delayMs);
        }
      },
      onConnected: (keys, roundTripMs) => {
        this.keys[role] = keys;
        if (role === 'server') this.roundTripMs = roundTripMs;
      },
      onEnd: (error) => {
        this.ends[role] = error?.message ?? 'closed';
      },
      ...overrides[role],
    });
    this.client = new DtlsConnection(side('client', 'server'));
    this.server = new DtlsConnection(side('server', 'client'));
    this.client.start();
  }
}

describe('DTLS 1.2', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('gives both sides the same keys, each its own direction, after two round trips', () => {
    const association = new Association();
    vi.advanceTimersByTime(4 * oneWayMs);
    const { client, server } = association.keys;
    expect(client!.profile).toBe(srtpProfiles.SRTP_AEAD_AES_128_GCM);
    expect(server).toEqual({ profile: client!.profile, local: client!.remote, remote: client!.local });
    expect(client!.local).not.toEqual(client!.remote);
    expect(association.roundTripMs).toBe(2 * oneWayMs);
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each(Object.entries(srtpProfiles))('agrees on %s where the other side has nothing else', (_, profile) => {
    const association = new Association(undefined, { client: { profiles: [profile] } });
    vi.advanceTimersByTime(100);
    expect(association.keys.server!.profile).toBe(profile);
    expect(association.keys.client!.local.key).toHaveLength(profile.keyLength);
    expect(association.keys.client!.local.salt).toHaveLength(profile.saltLength);
  });

  test('ends where there is no common profile', () => {
    const association = new Association(undefined, {
      client: { profiles: [srtpProfiles.SRTP_AEAD_AES_256_GCM] },
      server: { profiles: [srtpProfiles.SRTP_AEAD_AES_128_GCM] },
    });
    vi.advanceTimersByTime(100);
    expect(association.ends).toEqual({
      server: 'no common SRTP profile',
      client: 'the peer ended the handshake with alert 40',
    });
  });

  test.each(['client', 'server'] as const)('ends on both sides when the %s sees another certificate', (role) => {
    const association = new Association(undefined, { [role]: { isPeer: () => false } });
    vi.advanceTimersByTime(100);
    expect(association.keys).toEqual({});
    expect(association.ends[role]).toBe('the certificate is not the one of the description');
    expect(association.ends[role === 'client' ? 'server' : 'client']).toBe(
      'the peer ended the handshake with alert 42',
    );
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each(Array.from({ length: 60 }, (_, seed) => seed))(
    'completes although a third of the datagrams is lost, doubled or late (seed %i)',
    (seed) => {
      const random = seededRandom(seed + 1);
      const association = new Association((datagram) => {
        const fate = random();
        if (fate < 0.2) return [];
        if (fate < 0.3)
          return [
            [datagram, 10],
            [datagram, 15],
          ];
        return [[datagram, fate < 0.5 ? 10 + 300 * random() : 10]];
      });
      vi.advanceTimersByTime(20_000);
      expect(association.ends).toEqual({});
      expect(association.keys.client!.local).toEqual(association.keys.server!.remote);
      expect(association.sent.client + association.sent.server).toBeLessThan(60);
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  test('completes whatever single datagram is lost, in less than a second', () => {
    for (let lost = 0; lost < 4; lost++) {
      let count = 0;
      const association = new Association((datagram) => (count++ === lost ? [] : [[datagram, oneWayMs]]));
      vi.advanceTimersByTime(900);
      expect(association.keys.client, `datagram ${lost}`).toBeDefined();
      expect(association.keys.server, `datagram ${lost}`).toBeDefined();
    }
  });

  test('completes when every handshake message arrives in fragments and in reverse', () => {
    const association = new Association((datagram) =>
      refragment(datagram, 90).map((part, index) => [part, 20 - index]),
    );
    vi.advanceTimersByTime(2000);
    expect(association.keys.client).toBeDefined();
    expect(association.keys.server).toBeDefined();
  });

  test('tells the other side when it closes', () => {
    const association = new Association();
    vi.advanceTimersByTime(100);
    association.client.close();
    vi.advanceTimersByTime(100);
    expect(association.ends).toEqual({ server: 'closed' });
  });

  test('is not ended by an alert that anybody could have sent, once it stands', () => {
    const association = new Association();
    vi.advanceTimersByTime(100);
    association.server.receive(Buffer.from('15fefd000000000000000900020228', 'hex'));
    association.server.receive(Buffer.from('15fefd000100000000000900020228', 'hex'));
    association.server.receive(Buffer.from('15fefd000000000000000a00020100', 'hex'));
    expect(association.ends).toEqual({});
  });

  test('survives a handshake in which any datagram is damaged: it ends or it completes, and nothing is thrown', () => {
    const random = seededRandom(4711);
    for (let round = 0; round < 300; round++) {
      const association = new Association((datagram) => {
        const damaged = Buffer.from(datagram);
        if (random() < 0.3) {
          for (let change = 0; change < 3; change++) {
            damaged[Math.floor(random() * damaged.length)] = Math.floor(random() * 256);
          }
        }
        return [[random() < 0.05 ? damaged.subarray(0, Math.floor(random() * damaged.length)) : damaged, oneWayMs]];
      });
      vi.advanceTimersByTime(3000);
      const { client, server } = association.keys;
      if (client !== undefined && server !== undefined) expect(client.local).toEqual(server.remote);
      association.client.close();
      association.server.close();
      vi.advanceTimersByTime(100);
      expect(vi.getTimerCount()).toBe(0);
    }
  });

  test('does not answer noise', () => {
    const random = seededRandom(99);
    const association = new Association(() => []);
    const before = association.sent.server;
    for (let round = 0; round < 2000; round++) {
      const noise = Buffer.from(Array.from({ length: Math.floor(random() * 100) }, () => Math.floor(random() * 256)));
      if (noise.length > 0) noise[0] = 20 + (noise[0]! % 44);
      association.server.receive(noise);
    }
    expect(association.sent.server).toBe(before);
    expect(association.ends.server).toBeUndefined();
    association.client.close();
  });
});

/** Splits the plain handshake messages of a datagram into fragments, each in a record and datagram of its own. */
function refragment(datagram: Buffer, size: number): Buffer[] {
  const parts: Buffer[] = [];
  for (let offset = 0; offset < datagram.length; ) {
    const end = offset + 13 + datagram.readUInt16BE(offset + 11);
    const record = datagram.subarray(offset, end);
    offset = end;
    if (record[0] !== 22 || record.readUInt16BE(3) !== 0) {
      parts.push(record);
      continue;
    }
    const body = record.subarray(25);
    for (let from = 0; from === 0 || from < body.length; from += size) {
      const piece = body.subarray(from, from + size);
      const head = Buffer.from(record.subarray(0, 25));
      head.writeUInt16BE(12 + piece.length, 11);
      head.writeUIntBE(from, 19, 3);
      head.writeUIntBE(piece.length, 22, 3);
      parts.push(Buffer.concat([head, piece]));
    }
  }
  return parts.reverse();
}

describe('the certificate', () => {
  test('is one, signed by itself, and its fingerprint is that of OpenSSL', () => {
    const { der, fingerprint, privateKey } = certificates.client;
    const parsed = new X509Certificate(der);
    expect(parsed.fingerprint256).toBe(fingerprint);
    expect(parsed.verify(parsed.publicKey)).toBe(true);
    expect(parsed.checkPrivateKey(privateKey)).toBe(true);
    expect(parsed.validFromDate.getTime()).toBeLessThan(Date.now());
    expect(parsed.validToDate.getTime()).toBeGreaterThan(Date.now() + 365 * 86_400_000);
  });

  test('is also valid when it ends after 2049, where dates are written in another way', () => {
    const parsed = new X509Certificate(createCertificate(Date.UTC(2045, 0, 1)).der);
    expect(parsed.validToDate.getUTCFullYear()).toBe(2054);
    expect(parsed.validFromDate.getUTCFullYear()).toBe(2044);
  });

  test('is matched by a fingerprint of any safe hash, in any case, and by no other', () => {
    const { der } = certificates.client;
    const parsed = new X509Certificate(der);
    const match = (algorithm: string, value: string) => matchesFingerprint(der, [{ algorithm, value }]);
    expect(match('sha-256', parsed.fingerprint256.toLowerCase())).toBe(true);
    expect(match('SHA-512', parsed.fingerprint512)).toBe(true);
    expect(match('sha-1', parsed.fingerprint)).toBe(false);
    expect(match('sha-256', certificates.server.fingerprint)).toBe(false);
    expect(matchesFingerprint(der, [])).toBe(false);
  });
});

test('the pseudo-random function gives the published test vector for P_SHA256', () => {
  const output = pseudoRandom(
    Buffer.from('9bbe436ba940f017b17652849a71db35', 'hex'),
    'test label',
    Buffer.from('a0ba9f936cda311827a6f796ffd5198c', 'hex'),
    100,
  );
  expect(output.toString('hex')).toBe(
    'e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0fa0' +
      '22f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66',
  );
});

describe('reassembly', () => {
  const fragment = (type: number, length: number, sequence: number, from: number, body: Buffer) => {
    const head = Buffer.alloc(12);
    head[0] = type;
    head.writeUIntBE(length, 1, 3);
    head.writeUInt16BE(sequence, 4);
    head.writeUIntBE(from, 6, 3);
    head.writeUIntBE(body.length, 9, 3);
    return Buffer.concat([head, body]);
  };

  test('takes overlapping fragments in any order and hands out messages in theirs', () => {
    const reassembly = new HandshakeReassembly();
    const body = Buffer.from('0123456789');
    const add = (bytes: Buffer) => reassembly.add(bytes, 0, () => {});
    expect(add(fragment(2, 0, 1, 0, Buffer.alloc(0)))).toEqual([]);
    expect(add(fragment(1, 10, 0, 4, body.subarray(4)))).toEqual([]);
    expect(add(fragment(1, 10, 0, 4, body.subarray(4)))).toEqual([]);
    const complete = add(fragment(1, 10, 0, 0, body.subarray(0, 6)));
    expect(complete.map(({ type, body: content }) => [type, content.toString()])).toEqual([
      [1, '0123456789'],
      [2, ''],
    ]);
    expect(complete[0]!.bytes.subarray(0, 12).toString('hex')).toBe('0100000a000000000000000a');
  });

  test('says that a message was repeated, and keeps nothing that is too long or too far ahead', () => {
    const reassembly = new HandshakeReassembly();
    let repeats = 0;
    const add = (bytes: Buffer) => reassembly.add(bytes, 0, () => repeats++);
    add(fragment(1, 0, 0, 0, Buffer.alloc(0)));
    add(fragment(1, 0, 0, 0, Buffer.alloc(0)));
    expect(repeats).toBe(1);
    expect(add(fragment(1, 0xffffff, 1, 0, Buffer.alloc(4)))).toEqual([]);
    expect(add(fragment(1, 4, 1, 2, Buffer.alloc(4)))).toEqual([]);
    expect(add(fragment(1, 0, 100, 0, Buffer.alloc(0)))).toEqual([]);
    expect(add(fragment(1, 0, 1, 0, Buffer.alloc(0)))).toHaveLength(1);
  });
});
