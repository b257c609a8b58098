import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { hostCandidates } from '../../src/transport/candidates.ts';
import { allProfiles, createCertificate, DtlsConnection } from '../../src/transport/dtls/index.ts';
import {
  createTransportEngine,
  type LocalTransportParameters,
  type PeerTransport,
  type TransportEngine,
  type TransportState,
} from '../../src/transport/index.ts';
import { SrtpSession, sealedPacketBytes } from '../../src/transport/srtp/index.ts';
import {
  buildStunMessage,
  hasIntegrity,
  parseStunMessage,
  type StunMessage,
  stunAttribute,
  xorMappedAddress,
} from '../../src/transport/stun/index.ts';
import { bindSockets } from '../../src/transport/udp-socket.ts';
import { seededRandom } from './udp-proxy.ts';

const handlers = { onRtp() {}, onRtcp() {}, onState() {} };
const remoteCertificate = createCertificate(Date.now());

/** A remote peer in the test's own hands. */
class Remote {
  readonly socket: Socket;
  readonly #received: Buffer[] = [];
  #arrived = () => {};
  #transactions = 0;
  srtp: SrtpSession | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('message', (datagram) => {
      this.#received.push(datagram);
      this.#arrived();
    });
  }

  static async open(host = '127.0.0.1'): Promise<Remote> {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    socket.bind(0, host);
    await once(socket, 'listening');
    // A burst of a test is more than the default holds.
    socket.setRecvBufferSize(2 ** 20);
    return new Remote(socket);
  }

  get port(): number {
    return (this.socket.address() as AddressInfo).port;
  }

  async next(): Promise<Buffer> {
    while (this.#received.length === 0) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
    return this.#received.shift()!;
  }

  send(bytes: Buffer, local: LocalTransportParameters): void {
    const [, , , , address, port] = local.candidates[0]!.split(' ');
    this.socket.send(bytes, Number(port), address);
  }

  /** Sends a check and waits for its answer. */
  async check(
    local: LocalTransportParameters,
    options: {
      username?: string | undefined;
      password?: string | undefined;
      attributes?: [number, Uint8Array][];
    } = {},
  ): Promise<StunMessage> {
    const username = 'username' in options ? options.username : `${local.iceUfrag}:remote`;
    const password = 'password' in options ? options.password : local.icePwd;
    const transactionId = Buffer.alloc(12);
    transactionId.writeUInt32BE(++this.#transactions, 8);
    const attributes: [number, Uint8Array][] = [
      ...(options.attributes ?? [[stunAttribute.useCandidate, Buffer.alloc(0)]]),
    ];
    if (username !== undefined) attributes.push([stunAttribute.username, Buffer.from(username)]);
    this.send(
      buildStunMessage({
        class: 'request',
        transactionId,
        attributes,
        ...(password !== undefined && { password }),
      }),
      local,
    );
    const answer = parseStunMessage(await this.next())!;
    expect(answer.transactionId).toEqual(transactionId);
    return answer;
  }

  /** Checks, shakes hands and has the keys. */
  async connect(peer: PeerTransport): Promise<void> {
    await this.check(peer.local);
    const connected = Promise.withResolvers<SrtpSession>();
    const dtls = new DtlsConnection({
      role: 'client',
      certificate: remoteCertificate,
      profiles: allProfiles,
      isPeer: () => true,
      send: (datagram) => this.send(datagram, peer.local),
      onConnected: (keys) => connected.resolve(new SrtpSession(keys)),
      onEnd: (error) => connected.reject(error ?? new Error('closed')),
    });
    dtls.start();
    while (this.srtp === undefined) {
      this.srtp =
        (await Promise.race([connected.promise, this.next().then((datagram) => dtls.receive(datagram))])) ?? undefined;
    }
  }

  sendRtp(local: LocalTransportParameters, sequenceNumber: number): void {
    const packet = Buffer.from('806f0000000000000000002a0102030405060708', 'hex');
    packet.writeUInt16BE(sequenceNumber, 2);
    const output = Buffer.alloc(sealedPacketBytes);
    this.send(output.subarray(0, this.srtp!.sealRtp(packet, output)), local);
  }
}

function errorOf(message: StunMessage): number {
  const offset = message.bytes.indexOf(Buffer.from([0, stunAttribute.errorCode]), 20);
  return message.bytes[offset + 6]! * 100 + message.bytes[offset + 7]!;
}

function remoteParameters(setup: 'active' | 'passive' = 'active') {
  return {
    iceUfrag: 'remote',
    icePwd: 'remote-password-of-22-chars',
    fingerprints: [{ algorithm: 'sha-256', value: remoteCertificate.fingerprint }],
    setup,
  };
}

describe('the engine', () => {
  let engine: TransportEngine;
  let remote: Remote;

  beforeEach(async () => {
    engine = await createTransportEngine({ host: '127.0.0.1', portRange: [0, 0], sockets: 1 });
    remote = await Remote.open();
  });

  afterEach(async () => {
    vi.useRealTimers();
    remote.socket.close();
    await engine.close();
  });

  describe('answers a check', () => {
    test('of the right password with the address that it came from', async () => {
      const { local } = engine.createPeer(handlers);
      const answer = await remote.check(local);
      expect(answer.class).toBe('success');
      expect(answer.fingerprintValid).toBe(true);
      expect(hasIntegrity(answer, local.icePwd)).toBe(true);
      expect(answer.bytes.includes(xorMappedAddress('127.0.0.1', remote.port, answer.transactionId))).toBe(true);
    });

    test.each([
      ['400 without USERNAME', 400, { username: undefined }],
      ['400 without MESSAGE-INTEGRITY', 400, { password: undefined }],
      ['401 of an unknown ufrag', 401, { username: 'nobody:remote' }],
      ['401 of a wrong password', 401, { password: 'wrong' }],
      ['420 with an attribute that it must understand', 420, { attributes: [[0x0003, Buffer.alloc(4)]] }],
      [
        '487 of one who thinks to be controlled too',
        487,
        { attributes: [[stunAttribute.iceControlled, Buffer.alloc(8)]] },
      ],
    ] as [string, number, Parameters<Remote['check']>[1]][])('with %s', async (_, code, options) => {
      const { local } = engine.createPeer(handlers);
      const answer = await remote.check(local, options);
      expect(answer.class).toBe('error');
      expect(errorOf(answer)).toBe(code);
      expect(engine.stats().badPackets).toBe(1);
    });

    test('by old and new credentials after a restart, until a check has the new ones', async () => {
      const peer = engine.createPeer(handlers);
      const before = peer.local;
      await remote.check(before);
      const after = peer.restartIce();
      expect(after.iceUfrag).not.toBe(before.iceUfrag);
      expect(after.icePwd).not.toBe(before.icePwd);
      expect((await remote.check(before)).class).toBe('success');
      expect((await remote.check(after)).class).toBe('success');
      expect(errorOf(await remote.check(before))).toBe(401);
      expect((await remote.check(after)).class).toBe('success');
    });

    test('not at all once the peer is closed', async () => {
      const peer = engine.createPeer(handlers);
      peer.close();
      expect(errorOf(await remote.check(peer.local))).toBe(401);
    });
  });

  test('refuses junk only so often', async () => {
    const { local } = engine.createPeer(handlers);
    const junk = buildStunMessage({ class: 'request', transactionId: Buffer.alloc(12), attributes: [] });
    for (let sent = 0; sent < 200; sent++) remote.send(junk, local);
    const check = buildStunMessage({
      class: 'request',
      transactionId: Buffer.alloc(12, 1),
      attributes: [[stunAttribute.username, Buffer.from(`${local.iceUfrag}:remote`)]],
      password: local.icePwd,
    });
    remote.send(check, local);
    let refusals = 0;
    while (parseStunMessage(await remote.next())!.class !== 'success') refusals++;
    // 50 a second, and a second may have begun anew meanwhile.
    expect(refusals).toBeGreaterThanOrEqual(50);
    expect(refusals).toBeLessThanOrEqual(100);
  });

  test('takes a handshake that came before the remote description', async () => {
    const peer = engine.createPeer(handlers);
    const connecting = remote.connect(peer);
    await vi.waitFor(() => expect(engine.stats().packetsIn).toBe(2));
    expect(peer.state).toBe('new');
    peer.setRemote(remoteParameters());
    await connecting;
    expect(peer.state).toBe('connected');
  });

  test('drops media of an address that no check came from, and takes it after one', async () => {
    const received: number[] = [];
    let arrived = () => {};
    const peer = engine.createPeer({
      ...handlers,
      onRtp(packet) {
        received.push(packet.readUInt16BE(2));
        arrived();
      },
    });
    peer.setRemote(remoteParameters());
    await remote.connect(peer);
    const elsewhere = await Remote.open();
    elsewhere.srtp = remote.srtp!;
    elsewhere.sendRtp(peer.local, 1);
    const bad = engine.stats().badPackets;
    await vi.waitFor(() => expect(engine.stats().badPackets).toBe(bad + 1));
    await elsewhere.check(peer.local);
    const third = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    elsewhere.sendRtp(peer.local, 3);
    await third;
    expect(received).toEqual([3]);
    // What goes out now goes there.
    expect(peer.sendRtp(Buffer.from('806f0001000000000000002a0102', 'hex'))).toBe(true);
    expect(remote.srtp!.openRtp(await elsewhere.next())).toEqual(Buffer.from('806f0001000000000000002a0102', 'hex'));
    elsewhere.socket.close();
  });

  test('tells packets that waited while the event loop was busy', async () => {
    const received: [sequenceNumber: number, delayed: boolean][] = [];
    let arrived = () => {};
    const peer = engine.createPeer({
      ...handlers,
      onRtp(packet, _, delayed) {
        received.push([packet.readUInt16BE(2), delayed]);
        arrived();
      },
    });
    peer.setRemote(remoteParameters());
    await remote.connect(peer);
    const send = (...sequenceNumbers: number[]) => {
      const expected = received.length + sequenceNumbers.length;
      const all = new Promise<void>((resolve) => {
        arrived = () => received.length === expected && resolve();
      });
      for (const sequenceNumber of sequenceNumbers) remote.sendRtp(peer.local, sequenceNumber);
      return all;
    };
    await send(1);
    const waiting = send(2, 3, 4);
    const untilMs = performance.now() + 30;
    while (performance.now() < untilMs);
    await waiting;
    expect(received).toEqual([
      [1, false],
      [2, true],
      [3, true],
      [4, true],
    ]);
    // Once the loop has waited for an event nothing is left to be read; a busy machine may stall it again meanwhile.
    for (let sequenceNumber = 5; received.at(-1)![1]; sequenceNumber++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      await send(sequenceNumber);
    }
  });

  test('is not moved by a check of a lower priority while the better path is alive', async () => {
    const peer = engine.createPeer(handlers);
    peer.setRemote(remoteParameters());
    const priority = (value: number): [number, Uint8Array] => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(value);
      return [stunAttribute.priority, bytes];
    };
    const nominate: [number, Uint8Array] = [stunAttribute.useCandidate, Buffer.alloc(0)];
    await remote.check(peer.local, { attributes: [nominate, priority(2000)] });
    await remote.connect(peer);
    await remote.check(peer.local, { attributes: [nominate, priority(2000)] });
    const elsewhere = await Remote.open();
    await elsewhere.check(peer.local, { attributes: [nominate, priority(1000)] });
    expect(peer.sendRtcp(Buffer.from('80c900010000002a', 'hex'))).toBe(true);
    expect(remote.srtp!.openRtcp(await remote.next())).toBeDefined();
    elsewhere.socket.close();
  });

  test('sends until consent runs out after 30 s, says disconnected after 10 s of silence, connected when it is heard', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    const watched = await createTransportEngine({ host: '127.0.0.1', portRange: [0, 0], sockets: 1 });
    const states: TransportState[] = [];
    const peer = watched.createPeer({ ...handlers, onState: (state) => states.push(state) });
    peer.setRemote(remoteParameters());
    await remote.connect(peer);
    const send = () => [
      peer.sendRtp(Buffer.from(`806f${String(sequenceNumber++).padStart(4, '0')}000000000000002a0102`, 'hex')),
      peer.sendRtcp(Buffer.from('80c900010000002a', 'hex')),
    ];
    let sequenceNumber = 1;
    vi.advanceTimersByTime(9000);
    expect(peer.state).toBe('connected');
    vi.advanceTimersByTime(3000);
    expect(peer.state).toBe('disconnected');
    expect(send()).toEqual([true, true]);
    expect(remote.srtp!.openRtp(await remote.next())).toBeDefined();
    expect(remote.srtp!.openRtcp(await remote.next())).toBeDefined();
    await remote.check(peer.local);
    expect(peer.state).toBe('connected');
    vi.advanceTimersByTime(29_000);
    expect(send()).toEqual([true, true]);
    vi.advanceTimersByTime(3000);
    expect(send()).toEqual([false, false]);
    expect(states).toEqual(['connecting', 'connected', 'disconnected', 'connected', 'disconnected', 'failed']);
    await watched.close();
  });

  test('does not take a stall of its own for silence of the peer', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    const watched = await createTransportEngine({ host: '127.0.0.1', portRange: [0, 0], sockets: 1 });
    const states: TransportState[] = [];
    const peer = watched.createPeer({ ...handlers, onState: (state) => states.push(state) });
    peer.setRemote(remoteParameters());
    await remote.connect(peer);
    // The loop stands still for 40 s: no timer runs, then the clock is 40 s on.
    const now = performance.now.bind(performance);
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + 40_000);
    vi.advanceTimersByTime(1000);
    await remote.check(peer.local);
    vi.advanceTimersByTime(1000);
    expect(states).toEqual(['connecting', 'connected']);
    clock.mockRestore();
    await watched.close();
  });

  test('gives up a peer that does not connect within 30 s', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    const watched = await createTransportEngine({ host: '127.0.0.1', portRange: [0, 0], sockets: 1 });
    const peer = watched.createPeer(handlers);
    vi.advanceTimersByTime(60_000);
    expect(peer.state).toBe('new');
    peer.setRemote(remoteParameters());
    vi.advanceTimersByTime(29_000);
    expect(peer.state).toBe('connecting');
    vi.advanceTimersByTime(3000);
    expect(peer.state).toBe('failed');
    await watched.close();
  });

  test('survives noise of every first byte, from strangers and from the connected peer, and goes on', async () => {
    const received: number[] = [];
    let arrived = () => {};
    const peer = engine.createPeer({
      ...handlers,
      onRtp(packet) {
        received.push(packet.readUInt16BE(2));
        arrived();
      },
    });
    peer.setRemote(remoteParameters());
    await remote.connect(peer);
    const stranger = await Remote.open();
    const random = seededRandom(7);
    const good = buildStunMessage({
      class: 'request',
      transactionId: Buffer.alloc(12),
      attributes: [[stunAttribute.username, Buffer.from(`${peer.local.iceUfrag}:remote`)]],
      password: peer.local.icePwd,
    });
    const before = engine.stats().packetsIn;
    let sent = 0;
    for (let round = 0; round < 20; round++) {
      for (let first = 0; first < 256; first++) {
        const length = Math.floor(random() * 120);
        const noise = Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
        if (length > 0) noise[0] = first;
        const mutated = Buffer.from(good);
        mutated[Math.floor(random() * mutated.length)] = first;
        for (const bytes of [noise, mutated]) {
          (round % 2 === 0 ? remote : stranger).send(bytes, peer.local);
          sent++;
        }
      }
      // The kernel's buffer is finite, and what it drops shows nothing.
      await vi.waitFor(() => expect(engine.stats().packetsIn).toBe(before + sent));
    }
    const last = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    remote.sendRtp(peer.local, 5);
    await last;
    expect(received).toEqual([5]);
    expect(engine.stats().badPackets).toBeGreaterThan(sent * 0.9);
    expect(peer.state).toBe('connected');
    stranger.socket.close();
  });

  test('sends many packets in one turn from one buffer without mixing them up', async () => {
    const peer = engine.createPeer(handlers);
    peer.setRemote(remoteParameters());
    await remote.connect(peer);
    const packets = Array.from({ length: 150 }, (_, sequenceNumber) => {
      const packet = Buffer.alloc(1000, sequenceNumber);
      packet.set([0x80, 111]);
      packet.writeUInt16BE(sequenceNumber, 2);
      return packet;
    });
    for (const packet of packets) expect(peer.sendRtp(packet)).toBe(true);
    for (const packet of packets) expect(remote.srtp!.openRtp(await remote.next())).toEqual(packet);
    expect(engine.stats().packetsOut).toBe(150);
  });
});

describe('ports', () => {
  test('in use are skipped, and peers are spread over the rest', async () => {
    const taken = createSocket('udp4');
    taken.bind(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address();
    const engine = await createTransportEngine({ host: '127.0.0.1', portRange: [port, port + 20], sockets: 3 });
    const portOf = (peer: PeerTransport) => Number(peer.local.candidates[0]!.split(' ')[5]);
    const ports = [1, 2, 3, 4].map(() => portOf(engine.createPeer(handlers)));
    expect(new Set(ports).size).toBe(3);
    expect(ports[3]).toBe(ports[0]);
    expect(ports).not.toContain(port);
    await engine.close();
    taken.close();
  });

  test('none of which is free are named in one clear error', async () => {
    const taken = createSocket('udp4');
    taken.bind(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address();
    await expect(
      createTransportEngine({ host: '127.0.0.1', portRange: [port, port], sockets: 2 }),
    ).rejects.toMatchObject({
      code: 'config-invalid',
      message: `no UDP port of ${port}-${port} can be bound on 127.0.0.1`,
    });
    taken.close();
  });

  test('that no answer can go to are no fault: a forged datagram may come from port 0', async () => {
    const [socket] = await bindSockets('127.0.0.1', [0, 0], 1, () => {});
    expect(socket!.send(Buffer.alloc(4), 4, '127.0.0.1', 0)).toBe(false);
    await socket!.close();
  });

  test('of IPv6 work as well', async () => {
    const engine = await createTransportEngine({ host: '::1', portRange: [0, 0], sockets: 1 });
    const remote = await Remote.open('::1');
    const peer = engine.createPeer(handlers);
    peer.setRemote(remoteParameters());
    await remote.connect(peer);
    expect(peer.state).toBe('connected');
    remote.socket.close();
    await engine.close();
  });
});

describe('candidates', () => {
  const address = (text: string, internal = false, scopeid?: number) => ({
    address: text,
    netmask: '',
    mac: '',
    internal,
    cidr: null,
    ...(text.includes(':') ? { family: 'IPv6' as const, scopeid: scopeid ?? 0 } : { family: 'IPv4' as const }),
  });
  const interfaces = {
    lo: [address('127.0.0.1', true), address('::1', true)],
    eth0: [address('10.0.0.5'), address('fe80::1', false, 2), address('2001:db8::5')],
    eth1: [address('192.168.1.5')],
  };
  const addresses = (...parameters: Parameters<typeof hostCandidates>) =>
    hostCandidates(...parameters).map((line) => line.split(' ')[4]);

  test('are all outside addresses of a wildcard, the announced one first', () => {
    expect(addresses('0.0.0.0', 1, '203.0.113.9', interfaces)).toEqual(['203.0.113.9', '10.0.0.5', '192.168.1.5']);
    expect(addresses('::', 1, undefined, interfaces)).toEqual(['10.0.0.5', '2001:db8::5', '192.168.1.5']);
  });

  test('are the loopback address where there is no other, and a bound one alone', () => {
    expect(addresses('0.0.0.0', 1, undefined, { lo: interfaces.lo })).toEqual(['127.0.0.1']);
    expect(addresses('127.0.0.1', 1, undefined, interfaces)).toEqual(['127.0.0.1']);
  });

  test('are written as SDP wants them, the first with the highest priority', () => {
    expect(hostCandidates('10.0.0.5', 4000, '203.0.113.9', interfaces)).toEqual([
      'candidate:1 1 udp 2130706431 203.0.113.9 4000 typ host',
      'candidate:2 1 udp 2130706175 10.0.0.5 4000 typ host',
    ]);
  });
});
