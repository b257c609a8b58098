import { createCipheriv, createHmac, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { SrtpSession, sealedPacketBytes, srtpProfiles } from '../../src/transport/srtp/index.ts';
import { derive } from '../../src/transport/srtp/key-derivation.ts';
import { guessPacketIndex } from '../../src/transport/srtp/packet-index.ts';
import { ReplayWindow } from '../../src/transport/srtp/replay-window.ts';
import { Sha1Hmac } from '../../src/transport/srtp/sha1-hmac.ts';

const hex = (text: string) => Buffer.from(text.replace(/\s/g, ''), 'hex');
const profileNames = Object.keys(srtpProfiles) as (keyof typeof srtpProfiles)[];

function pair(name: keyof typeof srtpProfiles) {
  const profile = srtpProfiles[name];
  const master = () => ({ key: randomBytes(profile.keyLength), salt: randomBytes(profile.saltLength) });
  const a = master();
  const b = master();
  return {
    sender: new SrtpSession({ profile, local: a, remote: b }),
    receiver: new SrtpSession({ profile, local: b, remote: a }),
  };
}

function rtp(sequenceNumber: number, payload = randomBytes(100), ssrc = 0xdecafbad): Buffer {
  const packet = Buffer.concat([hex('806f0000 00000001 00000000'), payload]);
  packet.writeUInt16BE(sequenceNumber, 2);
  packet.writeUInt32BE(ssrc, 8);
  return packet;
}

function sealed(session: SrtpSession, packet: Buffer, kind: 'rtp' | 'rtcp' = 'rtp'): Buffer {
  const output = Buffer.alloc(sealedPacketBytes);
  const length = kind === 'rtp' ? session.sealRtp(packet, output) : session.sealRtcp(packet, output);
  expect(length).toBeGreaterThan(packet.length);
  return output.subarray(0, length);
}

describe('SRTP key derivation', () => {
  test('gives the session keys of RFC 3711 appendix B.3', () => {
    const master = { key: hex('E1F97A0D3E018BE0D64FA32C06DE4139'), salt: hex('0EC675AD498AFEEBB6960B3AABE6') };
    expect(derive(master, 0, 16)).toEqual(hex('C61E7A93744F39EE10734AFE3FF7A087'));
    expect(derive(master, 2, 14)).toEqual(hex('30CBBC08863D8C85D49DB34A9AE1'));
    expect(derive(master, 1, 94).subarray(0, 20)).toEqual(hex('CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4'));
  });

  test('gives the session keys of RFC 6188 §7.2 for a 256-bit master key', () => {
    const master = {
      key: hex('f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6'),
      salt: hex('3b04803de51ee7c96423ab5b78d2'),
    };
    expect(derive(master, 0, 32)).toEqual(hex('5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4'));
    expect(derive(master, 2, 14)).toEqual(hex('fa31791685ca444a9e07c6c64e93'));
  });
});

// The packets and the key that libsrtp checks itself with (srtp_driver.c): an implementation that is not ours.
const plainRtp = hex('800f1234decafbadcafebabe abababababababababababababababab');
const plainRtcp = hex('81c8000bcafebabe abababababababababababababababab');
const reference = {
  SRTP_AES128_CM_HMAC_SHA1_80: {
    master: { key: hex('e1f97a0d3e018be0d64fa32c06de4139'), salt: hex('0ec675ad498afeebb6960b3aabe6') },
    rtp: hex('800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb'),
    rtcp: hex('81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798'),
  },
  SRTP_AEAD_AES_128_GCM: {
    master: { key: hex('000102030405060708090a0b0c0d0e0f'), salt: hex('a0a1a2a3a4a5a6a7a8a9aaab') },
    rtp: hex('800f1234decafbadcafebabe c5002ede04cfdd2eb91159e0880aa06e d2976826f796b201df3131a127e8a392'),
    rtcp: hex('81c8000bcafebabe c98b8b5df0392a55852b6c21ac8e7025 c52c6fbea2b3b446ea31123ba88ce61e 80000001'),
  },
} as const;

describe.each(Object.entries(reference))('%s against libsrtp', (name, packets) => {
  const profile = srtpProfiles[name as keyof typeof reference];
  const session = () => new SrtpSession({ profile, local: packets.master, remote: packets.master });

  test('seals the same RTP and opens it', () => {
    expect(sealed(session(), plainRtp)).toEqual(packets.rtp);
    expect(session().openRtp(Buffer.from(packets.rtp))).toEqual(plainRtp);
  });

  test('seals the same RTCP and opens it', () => {
    const sender = session();
    sealed(sender, plainRtcp, 'rtcp');
    expect(sealed(sender, plainRtcp, 'rtcp')).toEqual(packets.rtcp);
    expect(session().openRtcp(Buffer.from(packets.rtcp))).toEqual(plainRtcp);
  });
});

describe.each(profileNames)('%s', (name) => {
  test('carries packets of every length, with CSRCs and extensions, both ways round', () => {
    const { sender, receiver } = pair(name);
    for (let length = 0; length < 300; length++) {
      const packet = rtp(length, randomBytes(length));
      expect(receiver.openRtp(sealed(sender, packet))).toEqual(packet);
    }
    const extended = Buffer.concat([
      hex('9260 0400 00000001 decafbad 00000001 00000002 bede0001 10ff0000'),
      randomBytes(50),
    ]);
    expect(receiver.openRtp(sealed(sender, extended))).toEqual(extended);
    const report = Buffer.concat([hex('80c80006 decafbad'), randomBytes(20)]);
    expect(receiver.openRtcp(sealed(sender, report, 'rtcp'))).toEqual(report);
  });

  test('opens a packet that does not lie at a multiple of four bytes', () => {
    const { sender, receiver } = pair(name);
    const packet = rtp(1);
    const shifted = Buffer.concat([Buffer.alloc(3), sealed(sender, packet)]).subarray(3);
    expect(receiver.openRtp(shifted)).toEqual(packet);
  });

  test('follows the sequence number over its wrap, also out of order and after a gap', () => {
    const { sender, receiver } = pair(name);
    const order = [65533, 65534, 0, 65535, 1, 30000, 60000, 20000, 19999];
    const packets = order.map((sequenceNumber) => rtp(sequenceNumber));
    const sends = [0, 1, 3, 2, 4, 5, 6, 8, 7].map((index) => [index, sealed(sender, packets[index]!)] as const);
    const bySequence = new Map(sends);
    for (const [index, packet] of packets.entries()) {
      expect(receiver.openRtp(bySequence.get(index)!), `sequence number ${order[index]}`).toEqual(packet);
    }
  });

  test('refuses a packet that it had before, RTP and RTCP', () => {
    const { sender, receiver } = pair(name);
    const media = sealed(sender, rtp(7));
    const report = sealed(sender, hex('80c90001decafbad'), 'rtcp');
    expect(receiver.openRtp(Buffer.from(media))).toBeDefined();
    expect(receiver.openRtp(Buffer.from(media))).toBeUndefined();
    expect(receiver.openRtcp(Buffer.from(report))).toBeDefined();
    expect(receiver.openRtcp(Buffer.from(report))).toBeUndefined();
  });

  test('does not seal two packets under one index', () => {
    const { sender } = pair(name);
    sealed(sender, rtp(7));
    expect(sender.sealRtp(rtp(7), Buffer.alloc(sealedPacketBytes))).toBe(-1);
  });

  test('refuses a packet with one changed bit, and still takes the right one', () => {
    const { sender, receiver } = pair(name);
    for (const [kind, packet] of [
      ['rtp', rtp(9, randomBytes(20))],
      ['rtcp', hex('80c90001decafbad')],
    ] as const) {
      const bytes = sealed(sender, packet, kind);
      const open = (candidate: Buffer) => (kind === 'rtp' ? receiver.openRtp(candidate) : receiver.openRtcp(candidate));
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const changed = Buffer.from(bytes);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        expect(open(changed), `${kind} bit ${bit}`).toBeUndefined();
      }
      for (let length = 0; length < bytes.length; length++) {
        expect(open(Buffer.from(bytes.subarray(0, length)))).toBeUndefined();
      }
      expect(open(Buffer.from(bytes))).toEqual(packet);
    }
  });
});

test('an SRTCP packet that is authenticated but not encrypted is taken (RFC 7714 §9.3)', () => {
  const profile = srtpProfiles.SRTP_AEAD_AES_128_GCM;
  const { master } = reference.SRTP_AEAD_AES_128_GCM;
  const plain = hex('80c90001decafbad');
  const index = hex('00000005');
  const nonce = hex('0000decafbad000000000005');
  derive(master, 5, 12).forEach((byte, position) => {
    nonce[position]! ^= byte;
  });
  const cipher = createCipheriv('aes-128-gcm', derive(master, 3, 16), nonce);
  cipher.setAAD(Buffer.concat([plain, index])).final();
  const packet = Buffer.concat([plain, cipher.getAuthTag(), index]);
  const receiver = new SrtpSession({ profile, local: master, remote: master });
  expect(receiver.openRtcp(packet)).toEqual(plain);
});

describe('the packet index', () => {
  test.each([
    [10, -1, 10],
    [11, 10, 11],
    [9, 10, 9],
    [0, 65535, 65536],
    [65535, 65536, 65535],
    [65535, 3, -1],
    [40000, 65536 * 5 + 10, 65536 * 4 + 40000],
    [32777, 65536 * 5 + 10, 65536 * 5 + 32777],
  ])('of sequence number %i after index %i is %i', (sequenceNumber, highest, index) => {
    expect(guessPacketIndex(sequenceNumber, highest)).toBe(index);
  });
});

describe('the replay window', () => {
  test('agrees with a set of all indexes, whatever their order', () => {
    const window = new ReplayWindow();
    const seen = new Set<number>();
    let highest = 2 ** 40;
    let state = 12345;
    for (let step = 0; step < 20_000; step++) {
      state = (state * 1103515245 + 12345) % 2 ** 31;
      const index = highest + ((state >> 8) % 260) - 200;
      const admitted = window.admits(index);
      if (seen.has(index)) expect(admitted).toBe(false);
      else if (index > window.highest - 224) expect(admitted).toBe(true);
      if (admitted) {
        window.record(index);
        seen.add(index);
        highest = Math.max(highest, index);
      }
    }
  });
});

describe('HMAC-SHA1', () => {
  test('is that of node:crypto', () => {
    const secret = randomBytes(20);
    const hmac = new Sha1Hmac(secret);
    const packet = Buffer.concat([randomBytes(333), Buffer.alloc(20)]);
    hmac.append(packet, 333, 0x01020304, 20);
    const expected = createHmac('sha1', secret).update(packet.subarray(0, 333)).update(hex('01020304')).digest();
    expect(packet.subarray(333)).toEqual(expected);
    expect(hmac.matches(packet, 333, 0x01020304, 333, 20)).toBe(true);
    expect(hmac.matches(packet, 333, 0x01020305, 333, 20)).toBe(false);
  });
});
