import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { serializeRtpPacket } from '@aircheck/media';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  createClientTransportEngine,
  createTransportEngine,
  type PeerTransport,
  type RemoteCandidate,
  type TransportEngine,
  type TransportState,
} from '../../src/transport/index.ts';
import { UdpProxy } from './udp-proxy.ts';

let server: TransportEngine;
let client: TransportEngine;

const openEngines = async () => {
  server = await createTransportEngine({ host: '127.0.0.1', portRange: [0, 0], sockets: 1 });
  client = await createClientTransportEngine();
};
const closeEngines = () => Promise.all([server.close(), client.close()]);

beforeEach(openEngines);
afterEach(async () => {
  vi.useRealTimers();
  await closeEngines();
});

/** One side of a connection, and what it has received. */
class Side {
  readonly received: number[] = [];
  readonly states: TransportState[] = [];
  readonly transport: PeerTransport;
  #sequenceNumber = 0;

  constructor(engine: TransportEngine) {
    this.transport = engine.createPeer({
      onRtp: (packet) => this.received.push(packet.readUInt16BE(2)),
      onRtcp: () => {},
      onState: (state) => this.states.push(state),
    });
  }

  send(): boolean {
    this.#sequenceNumber += 1;
    return this.transport.sendRtp(
      serializeRtpPacket({
        payloadType: 96,
        sequenceNumber: this.#sequenceNumber,
        timestamp: 0,
        ssrc: 1,
        payload: Buffer.alloc(100),
      }),
    );
  }
}

function candidatesOf(transport: PeerTransport): RemoteCandidate[] {
  return transport.local.candidates.map((line) => {
    const [, , , priority, address, port] = line.split(' ');
    return { address: address!, port: Number(port), priority: Number(priority) };
  });
}

function describeTo(
  side: Side,
  other: Side,
  setup: 'active' | 'passive',
  candidates: readonly RemoteCandidate[],
): void {
  const { iceUfrag, icePwd, fingerprint } = other.transport.local;
  side.transport.setRemote({ iceUfrag, icePwd, fingerprints: [fingerprint], setup, candidates });
}

/** @param candidates - where the client is told that the server is */
function connect(candidates?: readonly RemoteCandidate[]) {
  const far = new Side(server);
  const near = new Side(client);
  describeTo(far, near, 'active', []);
  describeTo(near, far, 'passive', candidates ?? candidatesOf(far.transport));
  return { near, far };
}

const areConnected = (...sides: readonly Side[]) =>
  expect.poll(() => sides.map(({ transport }) => transport.state)).toEqual(sides.map(() => 'connected'));

describe('the controlling side of ICE', () => {
  test('connects to an ICE-lite engine as the DTLS client; packets go both ways', async () => {
    const { near, far } = connect();
    await areConnected(near, far);
    expect(far.send() && near.send()).toBe(true);
    await expect.poll(() => [near.received, far.received]).toEqual([[1], [1]]);
    expect(near.transport.roundTripMs).toBeGreaterThan(0);
  });

  test('two peers at one socket of the server stay apart: each goes on hearing what is its own', async () => {
    const one = connect();
    const other = connect();
    await areConnected(one.near, one.far, other.near, other.far);
    for (const { near, far } of [one, other]) expect(near.send() && far.send()).toBe(true);
    await expect
      .poll(() => [one, other].map(({ near, far }) => [near.received, far.received]))
      .toEqual([
        [[1], [1]],
        [[1], [1]],
      ]);
  });

  test('connects over IPv6', async () => {
    const other = await createTransportEngine({ host: '::1', portRange: [0, 0], sockets: 1 });
    const far = new Side(other);
    const near = new Side(client);
    describeTo(far, near, 'active', []);
    describeTo(near, far, 'passive', candidatesOf(far.transport));
    await areConnected(near, far);
    far.send();
    await expect.poll(() => near.received).toEqual([1]);
    await other.close();
  });

  test('takes the address that answers, though others of more preference do not', async () => {
    const silent = createSocket('udp4');
    silent.bind(0, '127.0.0.1');
    await once(silent, 'listening');
    const far = new Side(server);
    const near = new Side(client);
    describeTo(far, near, 'active', []);
    const [candidate] = candidatesOf(far.transport);
    const nowhere = { address: '127.0.0.1', port: silent.address().port, priority: candidate!.priority + 2 };
    describeTo(near, far, 'passive', [nowhere, { address: '::1', port: nowhere.port, priority: 1 }, candidate!]);
    await areConnected(near, far);
    far.send();
    await expect.poll(() => near.received).toEqual([1]);
    silent.close();
  });

  test('an ICE restart changes the way, not the association', async () => {
    const far = new Side(server);
    const near = new Side(client);
    describeTo(far, near, 'active', []);
    const [candidate] = candidatesOf(far.transport);
    const proxy = await UdpProxy.open(candidate!.port);
    describeTo(near, far, 'passive', [{ ...candidate!, port: proxy.port }]);
    await areConnected(near, far);
    proxy.close();
    far.transport.restartIce();
    near.transport.restartIce();
    describeTo(near, far, 'passive', [candidate!]);
    await expect
      .poll(() => {
        far.send();
        return near.received.length;
      })
      .toBeGreaterThan(0);
    expect(near.states).toEqual(['connecting', 'connected']);
    expect(far.states).toEqual(['connecting', 'connected']);
  });

  test('finds another way by itself when answers stay out, and fails when there is none for 30 s', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    await closeEngines();
    await openEngines();
    const far = new Side(server);
    const near = new Side(client);
    describeTo(far, near, 'active', []);
    const [candidate] = candidatesOf(far.transport);
    const first = await UdpProxy.open(candidate!.port);
    let secondPasses = false;
    const second = await UdpProxy.open(candidate!.port, () => (secondPasses ? 'pass' : 'drop'));
    describeTo(near, far, 'passive', [
      { ...candidate!, port: first.port },
      { ...candidate!, port: second.port, priority: 1 },
    ]);
    await areConnected(near, far);
    first.close();
    secondPasses = true;
    const secondsPass = async (seconds: number, until: () => boolean) => {
      for (let second = 0; second < seconds && !until(); second++) {
        vi.advanceTimersByTime(1000);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      expect(until()).toBe(true);
    };
    await secondsPass(15, () => {
      far.send();
      return near.received.length > 0;
    });
    expect(near.transport.state).not.toBe('failed');
    secondPasses = false;
    await secondsPass(45, () => near.transport.state === 'failed');
    expect(near.states.slice(-2)).toEqual(['disconnected', 'failed']);
    second.close();
  });
});
