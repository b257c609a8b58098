import { EventEmitter, once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { type AgentNotice, agentStatusOf } from '@aircheck/protocol';
import type { Room } from '@aircheck/web';
import { AgentClient } from '@aircheck/web/agent';
import { pino } from 'pino';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket as NodeWebSocket, WebSocketServer } from 'ws';
import { Door } from '../src/door/index.ts';
import { type AgentFolders, type OnUnreadable, Pairings, Settings } from '../src/settings/index.ts';
import { folderForTest } from './room-fixture.ts';

const SITE = 'https://meet.example.org';
const subprotocol = 'aircheck-agent.v1';

const opened: Door[] = [];
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(opened.splice(0).map((door) => door.close()));
});

/** A door with nobody behind it who records. */
async function openDoor(folders: AgentFolders = foldersForTest(), onUnreadable?: OnUnreadable) {
  const service = {
    welcome: () => ({ agentVersion: '1', platform: 'linux', folders: ['/files'], recordings: [] }),
    record: vi.fn(async (_origin: string, _request: unknown) => ({}) as never),
    renew: vi.fn(async (_origin: string, _request: unknown) => {}),
    pagesGone: vi.fn(),
    pageCame: vi.fn(),
    unpaired: vi.fn(),
  };
  const settings = new Settings(folders, onUnreadable);
  const pairings = new Pairings(folders, Date.now, onUnreadable);
  const door = await Door.open({
    ports: [0],
    settings,
    pairings,
    service,
    onChanged: () => {},
    logger: pino({ level: 'silent' }),
  });
  opened.push(door);
  return { door, service, settings, pairings, folders };
}

/** Lets fake time pass, and what is real in between: connections are tried. */
async function advance(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 500) {
    await vi.advanceTimersByTimeAsync(500);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}

function foldersForTest(): AgentFolders {
  const home = folderForTest();
  return { config: home, state: home, recordings: home };
}

/** A page as the SDK makes it, from any origin: a browser would not let a page choose it. */
function pageOf(
  origin: string,
  port: number,
  kept = new Map<string, string>(),
  network = { down: false, sockets: new Set<NodeWebSocket>() },
) {
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
  };
  class FromOrigin extends NodeWebSocket {
    constructor(url: string, protocols: string) {
      // Nothing listens on the port of discarded packets.
      super(network.down ? 'ws://127.0.0.1:9/' : url, protocols, { origin });
      network.sockets.add(this);
    }
  }
  return AgentClient.connect({ ports: [port], origin, storage, WebSocket: FromOrigin as unknown as typeof WebSocket });
}

/** How a connection ends that is made by hand. */
async function knock(
  port: number,
  headers: Record<string, string | undefined>,
  protocol = subprotocol,
): Promise<string> {
  const given = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined)) as Record<
    string,
    string
  >;
  const socket = new NodeWebSocket(`ws://127.0.0.1:${port}/`, protocol, { headers: given });
  try {
    const [event] = await Promise.race([once(socket, 'open').then(() => ['in']), once(socket, 'error')]);
    return String((event as Error).message ?? event);
  } finally {
    socket.terminate();
  }
}

/** What the client needs of a room. */
function roomOf() {
  const events = new EventEmitter();
  const room = {
    token: 't',
    createViewerToken: async () => ({ token: room.token }),
    roomId: 'r',
    api: { baseUrl: 'https://a' },
    self: { userId: 'ann' },
    on: (name: string, listener: () => void) => {
      events.on(name, listener);
      return () => events.off(name, listener);
    },
  };
  const createViewerToken = room.createViewerToken;
  return {
    room: room as unknown as Room,
    events,
    setToken: (token: string) => Object.assign(room, { token }),
    /** Whoever asks next gets this token, once it is given. */
    holdToken(token: string) {
      const [asked, given] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      room.createViewerToken = async () => {
        room.createViewerToken = createViewerToken;
        asked.resolve();
        await given.promise;
        return { token };
      };
      return { asked: asked.promise, give: given.resolve };
    },
  };
}

const start = (client: AgentClient, { room } = roomOf()) => client.startRecordMp4({ path: 'x.mp4', room });

describe('the door of the agent', () => {
  it('is not opened for what is no page, or a page of a name that only leads here', async () => {
    const { door } = await openDoor();
    const refused = 'Unexpected server response: 403';
    const host = `127.0.0.1:${door.port}`;
    expect(await knock(door.port, { origin: SITE, host })).toBe('in');
    expect(await knock(door.port, { origin: SITE, host: `evil.example:${door.port}` })).toBe(refused);
    expect(await knock(door.port, { origin: SITE, host: '127.0.0.1' })).toBe(refused);
    expect(await knock(door.port, { host })).toBe(refused);
    expect(await knock(door.port, { origin: 'null', host })).toBe(refused);
    expect(await knock(door.port, { origin: 'file://', host })).toBe(refused);
    expect(await knock(door.port, { origin: 'chrome-extension://abc', host })).toBe(refused);
    expect(await knock(door.port, { origin: 'http://plain.example.org', host })).toBe(refused);
    expect(await knock(door.port, { origin: 'http://localhost:8080', host })).toBe('in');
    expect(await knock(door.port, { origin: SITE, host }, 'chat')).toBe(refused);
    const answer = await fetch(`http://${host}/agent`, { headers: { origin: SITE } });
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('stays open when those that it turned away are gone before they hear of it', async () => {
    const { door } = await openDoor();
    const request = 'GET / HTTP/1.1\r\nHost: evil\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
    const breaking = Array.from({ length: 100 }, async () => {
      const socket = connect(door.port, '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      socket.write(request, () => socket.resetAndDestroy());
      await once(socket, 'close');
    });
    await Promise.all(breaking);
    expect((await pageOf(SITE, door.port)).paired).toBe(false);
  });

  it('has few places for pages that are not paired, and not for long', async () => {
    const { door, pairings } = await openDoor();
    const kept = new Map<string, string>();
    await (await pageOf(SITE, door.port, kept)).pair(pairings.newCode().code);
    const host = `127.0.0.1:${door.port}`;
    const hold = async (origin: string) => {
      const socket = new NodeWebSocket(`ws://${host}/`, subprotocol, { origin });
      await once(socket, 'open');
      return socket;
    };
    for (let site = 0; site < 4; site++) {
      for (let tab = 0; tab < 4; tab++) await hold(`https://s${site}.example`);
      if (site === 0) expect(await knock(door.port, { origin: 'https://s0.example', host })).toContain('403');
    }
    expect(await knock(door.port, { origin: 'https://s4.example', host })).toContain('403');
    // A site that is paired does not suffer by that.
    const pages = await Promise.all(Array.from({ length: 10 }, () => pageOf(SITE, door.port, kept)));
    expect(pages.map(({ paired }) => paired)).toEqual(Array(10).fill(true));
  });

  it('shows pages out that go on asking without having been paired, or that wait for too long', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    const { door } = await openDoor();
    const origin = SITE;
    const guessing = new NodeWebSocket(`ws://127.0.0.1:${door.port}/`, subprotocol, { origin });
    const waiting = new NodeWebSocket(`ws://127.0.0.1:${door.port}/`, subprotocol, { origin });
    await Promise.all([once(guessing, 'open'), once(waiting, 'open')]);
    let answers = 0;
    guessing.on('message', () => (answers += 1));
    for (let id = 0; id < 20; id++) guessing.send(JSON.stringify({ id, type: 'pair', code: '1' }));
    expect((await once(guessing, 'close'))[0]).toBe(1008);
    expect(answers).toBe(10);
    const closed = once(waiting, 'close');
    for (let second = 0; second < 305; second += 5) {
      waiting.send('{"id":1,"type":"heartbeat"}');
      await once(waiting, 'message');
      vi.advanceTimersByTime(5_000);
    }
    expect((await closed)[0]).toBe(1008);
  });

  it('is opened for listed origins alone, once there is a list', async () => {
    const { door, settings } = await openDoor();
    settings.allowOrigin('https://only.example.org/path');
    settings.allowOrigin('http://intranet:8080');
    await expect(pageOf(SITE, door.port)).rejects.toMatchObject({ code: 'agent-not-found' });
    expect((await pageOf('https://only.example.org', door.port)).paired).toBe(false);
    expect((await pageOf('http://intranet:8080', door.port)).paired).toBe(false);
  });

  it('does nothing for a page that has not been paired', async () => {
    const { door, service } = await openDoor();
    const page = await pageOf(SITE, door.port);
    await expect(start(page)).rejects.toMatchObject({ code: 'agent-not-paired' });
    await expect(page.stopRecordAac({ room: { roomId: 'r' } as never })).rejects.toMatchObject({
      code: 'agent-not-paired',
    });
    expect(service.record).not.toHaveBeenCalled();
    expect(page.folders).toEqual([]);
  });

  it('pairs a page by the code, once, and knows its origin again', async () => {
    const { door, service, pairings, folders } = await openDoor();
    const kept = new Map<string, string>();
    const page = await pageOf(SITE, door.port, kept);
    const { code } = pairings.newCode();
    await page.pair(` ${code.replace('-', ' ')} `);
    expect(page.folders).toEqual(['/files']);
    await start(page);
    expect(service.record).toHaveBeenCalledWith(SITE, expect.objectContaining({ account: 'ann', source: 'camera' }));

    const other = await pageOf('https://other.example.org', door.port);
    await expect(other.pair(code)).rejects.toMatchObject({ code: 'pairing-failed' });
    // A secret that was taken elsewhere opens nothing: it belongs to its origin.
    expect((await pageOf('https://other.example.org', door.port, kept)).paired).toBe(false);
    expect((await pageOf(SITE, door.port, kept)).paired).toBe(true);
    await door.close();
    opened.length = 0;
    const { door: next } = await openDoor(folders);
    expect((await pageOf(SITE, next.port, kept)).paired).toBe(true);
  });

  it('takes no code after five wrong ones, nor an old one', async () => {
    const { door, pairings } = await openDoor();
    const page = await pageOf(SITE, door.port);
    await expect(page.pair('0000-0000')).rejects.toMatchObject({ code: 'pairing-failed' });
    const { code, validUntil } = pairings.newCode();
    const wrong = code.startsWith('0') ? '1111-1111' : '0000-0000';
    const tries = await Promise.allSettled([1, 2, 3, 4, 5].map(() => page.pair(wrong)));
    expect(tries.map(({ status }) => status)).toEqual(Array(5).fill('rejected'));
    await expect(page.pair(code)).rejects.toMatchObject({ code: 'pairing-failed' });
    // One site does not use up the code of another.
    const other = await pageOf('https://other.example.org', door.port);
    await other.pair(code);
    expect(other.paired).toBe(true);
    const many = pairings.newCode();
    for (let site = 0; site < 5; site++) {
      for (let tries = 0; tries < 5; tries++) expect(() => pairings.pair(`https://s${site}.example`, '')).toThrow();
    }
    expect(pairings.isOpen(many)).toBe(false);

    const late = new Pairings(foldersForTest(), () => now);
    let now = 0;
    const old = late.newCode();
    now = validUntil;
    expect(late.isOpen(old)).toBe(false);
    expect(() => late.pair(SITE, old.code)).toThrow('no code');
  });

  it('learns nothing that opens it from a page that meets another program on its port', async () => {
    const { door, pairings, folders } = await openDoor();
    const kept = new Map<string, string>();
    const page = await pageOf(SITE, door.port, kept);
    await page.pair(pairings.newCode().code);
    page.close();
    // A program that says it is the agent, but does not have the secret.
    const agentId = new Settings(folders).agentIdFor(SITE);
    const impostor = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    onTestFinished(() => impostor.close());
    await once(impostor, 'listening');
    const said: string[] = [];
    impostor.on('connection', (socket) =>
      socket.on('message', (data) => {
        const { id, type } = JSON.parse(String(data));
        said.push(type);
        const facts = { version: 1, agentId, nonce: 'n'.repeat(32) };
        socket.send(JSON.stringify({ id, ok: true, result: { ...facts, proof: 'p'.repeat(43) } }));
      }),
    );
    expect((await pageOf(SITE, (impostor.address() as AddressInfo).port, kept)).paired).toBe(false);
    expect(said).toEqual(['hello']);
  });

  it('has another name for each site, and tells no more before it is paired', async () => {
    const { door, settings } = await openDoor();
    const hello = async (origin: string) => {
      const socket = new NodeWebSocket(`ws://127.0.0.1:${door.port}/`, subprotocol, { origin });
      await once(socket, 'open');
      socket.send(JSON.stringify({ id: 1, type: 'hello', version: 1, nonce: 'n'.repeat(32) }));
      return JSON.parse(String((await once(socket, 'message'))[0])).result;
    };
    const [one, again, other] = [await hello(SITE), await hello(SITE), await hello('https://other.example.org')];
    expect(Object.keys(one).sort()).toEqual(['agentId', 'nonce', 'version']);
    expect(again.agentId).toBe(one.agentId);
    expect(new Set([one.agentId, other.agentId, settings.agentId]).size).toBe(3);
  });

  it('shows the pages of an origin out when its pairing is taken back', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { door, service, pairings } = await openDoor();
    const page = await pageOf(SITE, door.port);
    await page.pair(pairings.newCode().code);
    expect(door.openOrigins).toEqual([SITE]);
    pairings.unpair(SITE);
    await expect(start(page)).rejects.toMatchObject({ code: 'agent-not-paired' });
    const closed = new Promise((resolve) => page.on('state', resolve));
    vi.advanceTimersByTime(5_000);
    expect(await closed).toBe('closed');
    expect(service.unpaired).toHaveBeenCalledWith(SITE);
  });

  it('keeps a pairing that was made anew, whatever older tabs are still open', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { door, service, pairings } = await openDoor();
    const kept = new Map<string, string>();
    const old = await pageOf(SITE, door.port, new Map());
    await old.pair(pairings.newCode().code);
    pairings.unpair(SITE);
    const page = await pageOf(SITE, door.port, kept);
    await page.pair(pairings.newCode().code);
    const closed = new Promise((resolve) => old.on('state', resolve));
    vi.advanceTimersByTime(5_000);
    expect(await closed).toBe('closed');
    await start(page);
    expect(service.unpaired).not.toHaveBeenCalled();
    expect((await pageOf(SITE, door.port, kept)).paired).toBe(true);
  });

  it('goes on by what it last knew while its settings cannot be read', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const folders = foldersForTest();
    const unreadable: string[] = [];
    const { door, pairings } = await openDoor(folders, ({ message }) => unreadable.push(message));
    const kept = new Map<string, string>();
    const page = await pageOf(SITE, door.port, kept);
    await page.pair(pairings.newCode().code);
    for (const name of ['settings.json', 'pairings.json']) writeFileSync(join(folders.config, name), '{');
    vi.advanceTimersByTime(10_000);
    await start(page);
    expect((await pageOf(SITE, door.port, kept)).paired).toBe(true);
    expect(unreadable).toHaveLength(2);
    // What cannot be read is not written over.
    expect(() => pairings.unpair(SITE)).toThrow('does not hold what it should');
    rmSync(join(folders.config, 'pairings.json'));
    await expect(start(page)).rejects.toMatchObject({ code: 'agent-not-paired' });
  });

  it('is handed a newer token when the room has got one, and again when it was away meanwhile', async () => {
    const { door, service, pairings } = await openDoor();
    const network = { down: false, sockets: new Set<NodeWebSocket>() };
    const page = await pageOf(SITE, door.port, new Map(), network);
    const call = roomOf();
    await expect(page.renew(call)).rejects.toMatchObject({ code: 'agent-not-paired' });
    await page.pair(pairings.newCode().code);
    await start(page, call);
    await start(page, call);
    const renewed = (token: string) => [
      SITE,
      expect.objectContaining({ type: 'renew', serverUrl: 'https://a/', roomId: 'r', token }),
    ];
    call.setToken('newer');
    call.events.emit('token-renewed');
    await expect.poll(() => service.renew.mock.calls).toEqual([renewed('newer')]);

    call.setToken('newest');
    for (const socket of network.sockets) socket.terminate();
    await expect.poll(() => service.renew.mock.calls).toEqual([renewed('newer'), renewed('newest')]);
    page.close();
    expect(call.events.listenerCount('token-renewed')).toBe(0);
  });

  it('is handed the newest token last, however long an older one takes to get', async () => {
    const { door, service, pairings } = await openDoor();
    const page = await pageOf(SITE, door.port);
    await page.pair(pairings.newCode().code);
    const call = roomOf();
    const older = call.holdToken('older');
    const renewals = [page.renew(call)];
    await older.asked;
    call.setToken('newer');
    renewals.push(page.renew(call));
    older.give();
    await Promise.all(renewals);
    const tokens = service.renew.mock.calls.map(([, request]) => (request as { token: string }).token);
    expect(tokens).toEqual(['older', 'newer']);
    page.close();
  });

  it('is looked for again when it went, and given up after 35 s', async () => {
    const { door, pairings } = await openDoor();
    const network = { down: false, sockets: new Set<NodeWebSocket>() };
    const page = await pageOf(SITE, door.port, new Map(), network);
    await page.pair(pairings.newCode().code);
    const told: string[] = [];
    page.on('state', (state) => told.push(state));
    page.on('heartBeatError', ({ code }) => told.push(code));
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const breakDown = () => {
      network.down = true;
      for (const socket of network.sockets) socket.terminate();
    };
    breakDown();
    await expect.poll(() => told).toEqual(['reconnecting']);
    network.down = false;
    await advance(3_000);
    await expect.poll(() => told).toEqual(['reconnecting', 'connected']);
    expect(page.paired).toBe(true);

    breakDown();
    await expect.poll(() => told).toHaveLength(3);
    await advance(33_000);
    expect(page.state).toBe('reconnecting');
    await advance(4_000);
    await expect.poll(() => told.slice(3)).toEqual(['closed', 'agent-lost']);
  });

  it('survives what is no message of the protocol', async () => {
    const { door } = await openDoor();
    const socket = new NodeWebSocket(`ws://127.0.0.1:${door.port}/`, subprotocol, { origin: SITE });
    await once(socket, 'open');
    for (const text of [
      '{',
      '[]',
      '7',
      '{"id":1,"type":"fly"}',
      '{"id":1,"type":"hello","version":99,"nonce":"0123456789abcdef"}',
    ]) {
      socket.send(text);
      const [answer] = await once(socket, 'message');
      expect(JSON.parse(String(answer))).toMatchObject({ ok: false, error: { code: 'request-invalid' } });
    }
    socket.send('x'.repeat(100_000));
    const [code] = await once(socket, 'close');
    expect(code).toBe(1009);
    expect((await pageOf(SITE, door.port)).paired).toBe(false);
  });

  it('tells the service when the last page of an origin went, and notices to pages that may record alone', async () => {
    const { door, service, pairings } = await openDoor();
    const kept = new Map<string, string>();
    const first = await pageOf(SITE, door.port, kept);
    await first.pair(pairings.newCode().code);
    const second = await pageOf(SITE, door.port, kept);
    const stranger = await pageOf('https://other.example.org', door.port);
    const told: string[] = [];
    for (const [name, page] of Object.entries({ first, second, stranger })) {
      page.on('progress', () => told.push(name));
    }
    const notice: AgentNotice = { type: 'progress', id: '1', durationMs: 1, sizeBytes: 1, freeBytes: null };
    expect(door.notify(SITE, notice)).toBe(true);
    expect(door.notify('https://other.example.org', notice)).toBe(false);
    await expect.poll(() => told.sort()).toEqual(['first', 'second']);
    first.close();
    await expect.poll(() => door.openOrigins).toEqual([SITE]);
    expect(service.pagesGone).not.toHaveBeenCalled();
    second.close();
    await expect.poll(() => service.pagesGone.mock.calls).toEqual([[SITE]]);
  });

  it('has a number of the vendor for what goes wrong with a file', () => {
    const codes = [
      'file-exists',
      'path-forbidden',
      'storage-failed',
      'storage-full',
      'recording-exists',
      'participant-not-found',
    ] as const;
    expect(codes.map(agentStatusOf)).toEqual([400, 403, 403, 2, 3, 404]);
    expect(agentStatusOf('pairing-failed')).toBeNull();
  });
});
