import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, type TestContext, test } from 'vitest';
import {
  createTransportEngine,
  type PeerTransport,
  type RemoteTransportParameters,
  type TransportEngine,
  type TransportState,
} from '../../src/transport/index.ts';
import type { PeerCommand, PeerReport } from './datachannel-peer-main.ts';
import { ownSsrc, readDescription, writeAnswer } from './description.ts';
import { seededRandom, UdpProxy } from './udp-proxy.ts';

const peerMain = fileURLToPath(new URL('./datachannel-peer-main.ts', import.meta.url));
const fixture = (name: string) => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));

/** The engine with one libdatachannel peer, and what each said. */
class Meeting {
  readonly states: TransportState[] = [];
  readonly remoteStates: string[] = [];
  readonly rtp: Buffer[] = [];
  readonly rtcp: Buffer[] = [];
  readonly received: string[] = [];
  profile: string | undefined;
  reason: string | undefined;
  peer!: PeerTransport;
  engine!: TransportEngine;
  proxy: UdpProxy | undefined;
  #child: ChildProcess | undefined;
  #changed = () => {};

  async start(options: {
    setup: 'active' | 'passive';
    fate?: () => 'pass' | 'drop' | 'hold';
    certificate?: PeerCommand['certificate'];
    munge?: (parameters: RemoteTransportParameters) => RemoteTransportParameters;
    mungeAnswer?: (answer: string) => string;
  }): Promise<void> {
    const { setup, munge = (parameters) => parameters, mungeAnswer = (answer) => answer } = options;
    this.engine = await createTransportEngine({ host: '127.0.0.1', portRange: [0, 0], sockets: 1 });
    this.peer = this.engine.createPeer({
      onRtp: (packet) => this.#note(() => this.rtp.push(packet)),
      onRtcp: (packet) => this.#note(() => this.rtcp.push(packet)),
      onState: (state, reason) =>
        this.#note(() => {
          this.states.push(state);
          this.reason = reason;
        }),
    });
    const port = Number(this.peer.local.candidates[0]!.split(' ')[5]);
    this.proxy = await UdpProxy.open(port, options.fate);
    const candidates = this.peer.local.candidates.map((line) => line.replace(` ${port} `, ` ${this.proxy!.port} `));
    this.#child = fork(peerMain);
    this.#child.on('message', (report: PeerReport) =>
      this.#note(() => {
        if (report.type === 'state') this.remoteStates.push(report.state);
        else if (report.type === 'received') this.received.push(report.hex);
        else if (report.type === 'profile') this.profile = report.profile;
        else {
          this.peer.setRemote(munge(readDescription(report.sdp, setup === 'passive' ? 'active' : 'passive')));
          this.#child!.send({ answer: mungeAnswer(writeAnswer(report.sdp, this.peer.local, setup, candidates)) });
        }
      }),
    );
    this.#child.send(options.certificate === undefined ? {} : { certificate: options.certificate });
  }

  /** Resolves once the condition holds; it is looked at whenever anything happens. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = () => {
        if (!condition()) return;
        this.#changed = () => {};
        resolve();
      };
      this.#changed();
    });
  }

  async close(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.engine.close();
    this.proxy?.close();
  }

  #note(action: () => void): void {
    action();
    this.#changed();
  }
}

function packet(sequenceNumber: number): Buffer {
  const bytes = Buffer.alloc(60, 0xcd);
  bytes.set([0x80, 108]);
  bytes.writeUInt16BE(sequenceNumber, 2);
  bytes.writeUInt32BE(ownSsrc, 8);
  return bytes;
}

/** A description whose certificate is surely another one. */
const otherFingerprint = (sdp: string): string =>
  sdp.replace(/(a=fingerprint:sha-256 )(..)/g, (_, name, first) => `${name}${first === '00' ? '01' : '00'}`);

describe('libdatachannel', () => {
  let meeting: Meeting;
  afterEach(() => meeting.close());

  test.each([
    ['passive', 'SRTP_AEAD_AES_128_GCM', 'ECDSA'],
    ['active', 'SRTP_AEAD_AES_256_GCM', 'ECDSA'],
    ['passive', 'SRTP_AEAD_AES_128_GCM', 'RSA'],
    ['active', 'SRTP_AEAD_AES_256_GCM', 'RSA'],
  ] as const)(
    'as our peer, we %s, agrees on %s; packets go both ways over a rollover (%s)',
    async (setup, profile, keyType) => {
      meeting = new Meeting();
      await meeting.start({
        setup,
        ...(keyType === 'RSA' && {
          certificate: { certificatePemFile: fixture('rsa-certificate.pem'), keyPemFile: fixture('rsa-key.pem') },
        }),
      });
      await meeting.until(() => meeting.rtp.length >= 20 && meeting.rtcp.length >= 20);
      expect(meeting.states).toEqual(['connecting', 'connected']);
      expect(meeting.profile).toBe(profile);
      const numbers = meeting.rtp.map((bytes) => bytes.readUInt16BE(2));
      expect(numbers.slice(0, 8)).toEqual([65530, 65531, 65532, 65533, 65534, 65535, 0, 1]);
      expect(meeting.rtp[0]!.subarray(4)).toEqual(
        Buffer.concat([Buffer.alloc(4, 0xab), Buffer.from('00001267', 'hex'), Buffer.alloc(188, 0xab)]),
      );
      expect(meeting.rtcp[0]).toEqual(Buffer.from('81c9000100001267', 'hex'));

      const sent = [65534, 65535, 0, 1].map(packet);
      await meeting.until(() => meeting.remoteStates.includes('connected'));
      for (const bytes of sent) expect(meeting.peer.sendRtp(bytes)).toBe(true);
      expect(meeting.peer.sendRtcp(Buffer.from('80c900010000004d', 'hex'))).toBe(true);
      await meeting.until(() => meeting.received.length === 5);
      expect(meeting.received).toEqual([...sent.map((bytes) => bytes.toString('hex')), '80c900010000004d']);
      expect(meeting.peer.roundTripMs).toBeGreaterThan(0);
      expect(meeting.engine.stats().badPackets).toBe(0);
    },
  );

  test.each(['passive', 'active'] as const)('is refused when its fingerprint is another, we %s', async (setup) => {
    meeting = new Meeting();
    await meeting.start({
      setup,
      munge: (parameters) => ({
        ...parameters,
        fingerprints: parameters.fingerprints.map(({ algorithm, value }) => ({
          algorithm,
          value: value.startsWith('00') ? `01${value.slice(2)}` : `00${value.slice(2)}`,
        })),
      }),
    });
    await meeting.until(() => meeting.states.includes('failed'));
    expect(meeting.reason).toBe('the certificate is not the one of the description');
    expect(meeting.states).not.toContain('connected');
  });

  test.each(['passive', 'active'] as const)('is believed when it refuses our fingerprint, we %s', async (setup) => {
    meeting = new Meeting();
    await meeting.start({ setup, mungeAnswer: otherFingerprint });
    await meeting.until(() => meeting.states.includes('failed'));
    expect(meeting.rtp).toEqual([]);
  });

  test('learns at once when we close', async () => {
    meeting = new Meeting();
    await meeting.start({ setup: 'passive' });
    await meeting.until(() => meeting.remoteStates.includes('connected'));
    meeting.peer.close();
    await meeting.until(() => /closed|disconnected|failed/.test(meeting.remoteStates.at(-1)!));
    expect(meeting.states).toEqual(['connecting', 'connected', 'closed']);
    expect(meeting.peer.sendRtp(packet(1))).toBe(false);
  });
});

// Seconds of waiting for what was lost: beside one another.
describe.concurrent('libdatachannel', () => {
  const meets = (context: TestContext) => {
    const meeting = new Meeting();
    context.onTestFinished(() => meeting.close());
    return meeting;
  };

  test.for([
    ['passive', 2],
    ['passive', 5],
    ['active', 3],
    ['active', 4],
  ] as const)(
    'connects over a network that loses and reorders every fifth datagram, we %s (seed %i)',
    async ([setup, seed], context) => {
      const meeting = meets(context);
      const random = seededRandom(seed);
      const fate = () => {
        const value = random();
        return value < 0.2 ? 'drop' : value < 0.4 ? 'hold' : 'pass';
      };
      await meeting.start({ setup, fate });
      await meeting.until(() => meeting.rtp.length >= 20);
      expect(meeting.states).toEqual(['connecting', 'connected']);
    },
  );

  test('is followed to another address, both ways, without a new handshake', async (context) => {
    const meeting = meets(context);
    await meeting.start({ setup: 'passive' });
    await meeting.until(() => meeting.rtp.length >= 5 && meeting.remoteStates.includes('connected'));
    await meeting.proxy!.move();
    const before = meeting.rtp.length;
    await meeting.until(() => meeting.rtp.length >= before + 20 && meeting.peer.sendRtp(packet(1)));
    await meeting.until(() => meeting.received.length >= 1);
    expect(meeting.states.at(-1)).toBe('connected');
  });
});
