import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SignalingConnection } from '../src/core/signaling.ts';
import { type FakePlatform, type FakeSocket, fakePlatform, joinResult } from './fakes.ts';

let fake: FakePlatform;

beforeEach(() => {
  vi.useFakeTimers();
  fake = fakePlatform();
});

afterEach(() => {
  vi.useRealTimers();
});

function newest(): FakeSocket {
  return fake.sockets.at(-1)!;
}

async function joined(): Promise<SignalingConnection> {
  const signaling = new SignalingConnection({
    url: 'wss://example.org/v1/signal',
    join: { token: 'token', autoSubscribe: true },
    platform: fake.platform,
  });
  const connected = signaling.connect();
  newest().open();
  await vi.advanceTimersByTimeAsync(0);
  newest().answer('join', joinResult());
  await connected;
  return signaling;
}

describe('joining', () => {
  test('a connection speaks the subprotocol and joins with its token first', async () => {
    await joined();
    expect(newest()).toMatchObject({ url: 'wss://example.org/v1/signal', protocol: 'aircheck.v1' });
    expect(newest().sent).toEqual([{ id: 1, type: 'join', token: 'token', autoSubscribe: true }]);
  });

  test('the refusal of the first join is thrown with its code and nothing is tried again', async () => {
    const signaling = new SignalingConnection({
      url: 'ws://x',
      join: { token: '', autoSubscribe: true },
      platform: fake.platform,
    });
    const connected = signaling.connect();
    newest().open();
    await vi.advanceTimersByTimeAsync(0);
    newest().refuse('join', 'token-expired');
    await expect(connected).rejects.toMatchObject({ code: 'token-expired' });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(fake.sockets).toHaveLength(1);
  });

  test('a server that never answers the handshake fails the join after ten seconds', async () => {
    const signaling = new SignalingConnection({
      url: 'ws://x',
      join: { token: '', autoSubscribe: true },
      platform: fake.platform,
    });
    const connected = signaling.connect();
    const outcome = expect(connected).rejects.toMatchObject({ code: 'timeout' });
    await vi.advanceTimersByTimeAsync(10_000);
    await outcome;
    expect(newest().closed).toBe(true);
  });
});

describe('requests', () => {
  test('answers find their requests by id, in whatever order they come', async () => {
    const signaling = await joined();
    const first = signaling.request('publish', { sdp: 'a', tracks: [] });
    const second = signaling.request('publish', { sdp: 'b', tracks: [] });
    const [one, two] = newest().requests('publish');
    newest().tell({ id: two!.id, ok: true, result: { sdp: 'B', tracks: [] } });
    newest().tell({ id: one!.id, ok: true, result: { sdp: 'A', tracks: [] } });
    expect([(await first).sdp, (await second).sdp]).toEqual(['A', 'B']);
  });

  test('a request without an answer is rejected as a timeout that may be tried again', async () => {
    const signaling = await joined();
    const outcome = expect(signaling.request('mute', { trackId: 't', muted: true })).rejects.toMatchObject({
      code: 'timeout',
      retryable: true,
    });
    // Pings are answered, so that the connection itself counts as alive.
    for (let second = 0; second < 15; second++) {
      await vi.advanceTimersByTimeAsync(1_000);
      if (newest().requests('ping').length > 0) newest().answer('ping');
    }
    await outcome;
  });

  test('a refusal keeps the hint of the server', async () => {
    const signaling = await joined();
    const publishing = signaling.request('publish', { sdp: '', tracks: [] });
    newest().tell({
      id: newest().requests('publish')[0]!.id,
      ok: false,
      error: { code: 'codec-unsupported', detail: 'No', hint: 'H.264, VP8' },
    });
    await expect(publishing).rejects.toMatchObject({ code: 'codec-unsupported', hint: 'H.264, VP8' });
  });

  test('requests that wait when the connection breaks are rejected at once', async () => {
    const signaling = await joined();
    const waiting = signaling.request('mute', { trackId: 't', muted: true });
    newest().drop();
    await expect(waiting).rejects.toMatchObject({ code: 'timeout' });
    await expect(signaling.request('ping', {})).rejects.toMatchObject({ code: 'timeout' });
  });
});

describe('reconnecting', () => {
  test('a broken connection is made again and takes its session over', async () => {
    const signaling = await joined();
    const results: boolean[] = [];
    signaling.on('joined', ({ resumed }) => results.push(resumed));
    newest().drop();
    await vi.advanceTimersByTimeAsync(300);
    expect(fake.sockets).toHaveLength(2);
    newest().open();
    await vi.advanceTimersByTimeAsync(0);
    expect(newest().sent[0]).toMatchObject({ type: 'join', sessionId: 'session-1' });
    newest().answer('join', joinResult({ resumed: true }));
    expect(results).toEqual([true]);
    expect(signaling.joined).toBe(true);
  });

  test('the waits between attempts double up to ten seconds', async () => {
    await joined();
    newest().drop();
    const attempts: number[] = [];
    const start = Date.now();
    while (attempts.length < 8) {
      const before = fake.sockets.length;
      while (fake.sockets.length === before) await vi.advanceTimersToNextTimerAsync();
      attempts.push(Date.now() - start);
      newest().drop();
      await vi.advanceTimersByTimeAsync(0);
    }
    const waits = attempts.map((at, index) => at - (attempts[index - 1] ?? 0));
    expect(waits).toEqual([300, 600, 1200, 2400, 4800, 9600, 10_000, 10_000]);
  });

  test('a network that comes back is used without waiting any longer', async () => {
    const signaling = await joined();
    newest().drop();
    expect(fake.sockets).toHaveLength(1);
    signaling.networkChanged();
    expect(fake.sockets).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(fake.sockets).toHaveLength(2);
  });

  test('a ping that is not answered breaks the connection', async () => {
    const signaling = await joined();
    let lost = 0;
    signaling.on('lost', () => lost++);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(newest().requests('ping')).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(lost).toBe(1);
  });

  test('a session that the server has forgotten is joined anew', async () => {
    await joined();
    newest().drop();
    await vi.advanceTimersByTimeAsync(300);
    newest().open();
    await vi.advanceTimersByTimeAsync(0);
    newest().refuse('join', 'session-not-found');
    await vi.advanceTimersByTimeAsync(600);
    newest().open();
    await vi.advanceTimersByTimeAsync(0);
    expect(newest().sent[0]).not.toHaveProperty('sessionId');
  });

  test('a refusal that time does not heal ends it', async () => {
    const signaling = await joined();
    const ends: unknown[] = [];
    signaling.on('closed', (reason, error) => ends.push([reason, error?.code]));
    newest().drop();
    await vi.advanceTimersByTimeAsync(300);
    newest().open();
    await vi.advanceTimersByTimeAsync(0);
    newest().refuse('join', 'token-expired');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ends).toEqual([['failed', 'token-expired']]);
    expect(fake.sockets).toHaveLength(2);
  });

  test('after five minutes without the server it is given up', async () => {
    const signaling = await joined();
    const ends: unknown[] = [];
    signaling.on('closed', (reason) => ends.push(reason));
    newest().drop();
    const start = Date.now();
    while (ends.length === 0 && Date.now() - start < 600_000) {
      await vi.advanceTimersToNextTimerAsync();
      newest().drop();
      await vi.advanceTimersByTimeAsync(0);
    }
    expect(ends).toEqual(['failed']);
    expect(Date.now() - start).toBeGreaterThan(290_000);
  });
});

describe('ending', () => {
  test('after the last message of the server nothing is tried again', async () => {
    const signaling = await joined();
    const ends: unknown[] = [];
    signaling.on('closed', (reason) => ends.push(reason));
    newest().tell({ type: 'closed', reason: 'kicked' });
    newest().drop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ends).toEqual(['kicked']);
    expect(fake.sockets).toHaveLength(1);
  });

  test('leaving says so, closes the socket and ends the pings, also when the server says nothing', async () => {
    const signaling = await joined();
    const socket = newest();
    const left = signaling.leave();
    expect(socket.requests('leave')).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1_000);
    await left;
    expect(socket.closed).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
    await signaling.leave();
  });
});
